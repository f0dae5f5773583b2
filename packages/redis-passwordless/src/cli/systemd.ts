import { execFile } from "node:child_process";
import type { Environment } from "../identity/managed-identity-source.js";
import { UsageError } from "./usage-error.js";

/** A socket that listens already, opened by whoever has started this process. */
export interface HandedSocket {
  readonly fd: number;
  /** `FileDescriptorName=` of its unit. */
  readonly name: string;
}

/** @see `man 3 sd_listen_fds` — SD_LISTEN_FDS_START */
const FIRST_FD = 3;

/**
 * The sockets that systemd has opened for this process; none when they are for another one.
 *
 * @see `man 3 sd_listen_fds`
 * @throws {UsageError}
 */
export function handedSockets(env: Environment, pid: number): HandedSocket[] {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names = "" } = env;
  if (count === undefined || count === "" || owner !== String(pid)) return [];
  const number = /^\d{1,4}$/.test(count) ? Number(count) : 0;
  if (number === 0)
    throw new UsageError(`LISTEN_FDS takes the number of sockets; it got ${JSON.stringify(count)}.`);
  const all = names.split(":");
  return Array.from({ length: number }, (_, index) => ({
    fd: FIRST_FD + index,
    name: all[index] === undefined || all[index] === "" ? "unknown" : all[index],
  }));
}

/**
 * Tells systemd how this process is, where it asks for that. The messages go to a datagram socket in the file system,
 * which Node.js cannot open, so `systemd-notify` sends them: the unit needs `NotifyAccess=all`.
 *
 * @see `man 3 sd_notify`
 */
export class ServiceManager {
  readonly #env: Environment;
  readonly #onFailure: (message: string) => void;
  #watchdog: NodeJS.Timeout | undefined;
  #hasFailed = false;
  /** One after the other: what is sent last is what holds. */
  #sent: Promise<void> = Promise.resolve();

  constructor(env: Environment, onFailure: (message: string) => void) {
    this.#env = env;
    this.#onFailure = onFailure;
  }

  /** Everything listens. */
  ready(status: string): Promise<void> {
    this.#watch();
    return this.#send("READY=1", `STATUS=${status}`, `MAINPID=${process.pid}`);
  }

  /** The configuration is read anew; {@link ready} ends it. */
  reloading(): Promise<void> {
    const monotonic = process.hrtime.bigint() / 1_000n;
    return this.#send("RELOADING=1", `MONOTONIC_USEC=${monotonic}`);
  }

  stopping(status: string): Promise<void> {
    clearInterval(this.#watchdog);
    return this.#send("STOPPING=1", `STATUS=${status}`);
  }

  /** Twice as often as it is asked for: a process whose event loop hangs says nothing, and is started anew. */
  #watch(): void {
    const { WATCHDOG_USEC: interval, WATCHDOG_PID: owner } = this.#env;
    const isMeant = owner === undefined || owner === String(process.pid);
    if (this.#watchdog !== undefined || !isMeant || !/^[1-9]\d*$/.test(interval ?? "")) return;
    const everyMs = Math.max(1, Math.floor(Number(interval) / 2_000));
    this.#watchdog = setInterval(() => void this.#send("WATCHDOG=1"), everyMs).unref();
  }

  #send(...messages: readonly string[]): Promise<void> {
    if (this.#env["NOTIFY_SOCKET"] === undefined || this.#env["NOTIFY_SOCKET"] === "")
      return Promise.resolve();
    this.#sent = this.#sent.then(
      () =>
        new Promise((resolve) => {
          const { PATH, NOTIFY_SOCKET } = this.#env;
          execFile(
            "systemd-notify",
            [...messages],
            { env: { PATH, NOTIFY_SOCKET }, timeout: 5_000 },
            (error) => {
              if (error !== null) this.#fail(error);
              resolve();
            },
          );
        }),
    );
    return this.#sent;
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const code = (error as NodeJS.ErrnoException).code === "ENOENT" ? "it is not installed" : error.message;
    this.#onFailure(
      `systemd asks to be told how this process is, and systemd-notify could not: ${code.split("\n", 1)[0]}`,
    );
  }
}
