import { Listener, type Reception } from "../listener.js";
import { type Door, isInUse } from "./node-doors.js";

/** As many ports are tried, where the system chooses one and another host has it already. */
const MOST_TRIES = 8;

/**
 * Listens on the same port of each host. Workers share no doors: what is behind one is known to the worker alone that
 * has opened it.
 *
 * @param port 0 for one that is free everywhere
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there
 */
export async function openDoor(
  hosts: readonly [string, ...string[]],
  port: number,
  reception: Reception,
): Promise<Door> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openOnce(hosts, port, reception);
    } catch (error) {
      if (port !== 0 || tries === MOST_TRIES || !isInUse(error)) throw error;
    }
  }
}

async function openOnce(
  [host, ...others]: readonly [string, ...string[]],
  wanted: number,
  reception: Reception,
): Promise<Door> {
  const first = await Listener.open({ kind: "tcp", host, port: wanted, isExclusive: true }, reception);
  const port = first.port ?? wanted;
  const listeners = [first];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  try {
    for (const other of others)
      listeners.push(await Listener.open({ kind: "tcp", host: other, port, isExclusive: true }, reception));
  } catch (error) {
    await close();
    throw error;
  }
  return { port, close };
}
