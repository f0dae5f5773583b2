import type { Socket } from "node:net";
import { CommandScanner, parseCommand } from "resp-framing";
import type { ClientDesk } from "./client-desk.js";
import { HIGH_WATER_BYTES } from "./client-link.js";
import { refuse } from "./refuse.js";

/** What Redis takes from a client that has not logged in (networking.c, processMultibulkBuffer), in bytes and elements. */
const LIMITS = { maxBulkLength: 16_384, maxElements: 10, maxLineLength: 65_536 };

/** Bytes that one such command may have. */
export const LONGEST_OF_STRANGER: number = LIMITS.maxElements * LIMITS.maxBulkLength;
export const STRANGER_TOO_LONG =
  "-ERR Protocol error: a client that has not logged in may send short commands only\r\n";

/**
 * Keeps a client outside until it has given the right password; nothing of it reaches the server before.
 *
 * @returns what it has sent behind that; `undefined` when it has gone away or was sent away
 */
export function passGate(client: Socket, desk: ClientDesk, signal: AbortSignal): Promise<Buffer | undefined> {
  if (!desk.isLocked) return Promise.resolve(NOTHING);
  const scanner = new CommandScanner({ ...LIMITS });
  /** A command that has not arrived in full, as far as it has. */
  let received: Buffer = NOTHING;
  return new Promise((resolve) => {
    const settle = (rest: Buffer | undefined): void => {
      client.off("data", onData).off("drain", onDrain).off("end", onEnd).off("close", onEnd).pause();
      signal.removeEventListener("abort", onEnd);
      resolve(rest);
    };
    const sendAway = (answer: string): void => {
      settle(undefined);
      refuse(client, answer);
    };
    const onEnd = (): void => settle(undefined);
    const onDrain = (): void => void client.resume();
    const onData = (chunk: Buffer): void => {
      let bytes = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      let from = received.length;
      received = NOTHING;
      try {
        while (bytes.length > 0) {
          const end = scanner.scan(bytes, from, 1);
          if (!scanner.atBoundary) {
            received = bytes;
            break;
          }
          const command = bytes.subarray(scanner.commandStart - (scanner.position - end), end);
          bytes = bytes.subarray(end);
          from = 0;
          const rest = answer(client, desk, command);
          if (rest === "gone") return sendAway("+OK\r\n");
          if (rest !== undefined) return settle(Buffer.concat([rest, bytes]));
        }
        // A stranger must not fill the memory with answers that it does not read.
        if (client.writableLength > HIGH_WATER_BYTES) client.pause();
      } catch {
        sendAway(STRANGER_TOO_LONG);
      }
    };
    client.on("data", onData).on("drain", onDrain).on("end", onEnd).on("close", onEnd);
    signal.addEventListener("abort", onEnd, { once: true });
    if (signal.aborted) onEnd();
    else client.resume();
  });
}

const NOTHING: Buffer = Buffer.alloc(0);

/** Returns what goes on to the server once the client is in. */
function answer(client: Socket, desk: ClientDesk, bytes: Buffer): Buffer | "gone" | undefined {
  const args = parseCommand(bytes);
  // An empty line.
  if (args.length === 0) return undefined;
  const name = String(args[0]).toUpperCase();
  if (name === "QUIT") return "gone";
  if (name === "RESET") {
    client.write("+RESET\r\n");
    return undefined;
  }
  if (name !== "AUTH" && name !== "HELLO") {
    client.write(desk.refusal(name) ?? NOTHING);
    return undefined;
  }
  const login = desk.login(args);
  if (login.kind === "hello") return login.command;
  client.write(login.reply);
  return login.isAccepted ? NOTHING : undefined;
}
