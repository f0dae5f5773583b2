import type { Duplex } from "node:stream";
import { encodeCommand, ReplyScanner } from "resp-framing";
import type { Token } from "../core/token.js";
import { encryptionOf, refusedError } from "../reauth/connection.js";
import { type Markers, pingMarker, unknownCommand, unknownCommandMarkers } from "./marker.js";

/** What a login has found out. */
export interface LoggedIn {
  /** How replies can be told apart on this connection; absent when the server offers no way. */
  readonly markers: Markers | undefined;
  /** The reply to the question that was asked along. */
  readonly answer: Buffer | undefined;
}

/**
 * Logs in on a connection on which nothing has been sent yet, and finds out how its replies can be told apart:
 * by a PING, or, for a user who may not PING, by a command that does not exist. The stream is paused afterwards and
 * nobody listens.
 *
 * @param question a command to ask in the same round trip
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_AUTH_REFUSED` when the server refused the token
 * @throws the stream's error, or the signal's reason
 */
export async function logIn(
  stream: Duplex,
  label: string,
  token: Token,
  signal: AbortSignal,
  question?: readonly string[],
): Promise<LoggedIn> {
  const ping = pingMarker();
  const unknown = unknownCommand();
  const commands = [encodeAuth(token), ping.request, unknown.request];
  if (question !== undefined) commands.push(encodeCommand(question));
  // In one write: AUTH comes first, so its error is never lost (https://github.com/redis/redis/issues/15640).
  const [auth, pong, error, answer] = await ask(stream, commands, signal);
  if (auth === undefined || !auth.subarray(0, 3).equals(OK)) {
    throw refusedError(label, token, textOf(auth ?? Buffer.alloc(0)), encryptionOf(stream));
  }
  const anywhere = error === undefined ? undefined : unknownCommandMarkers(unknown, error);
  const next = pong?.equals(ping.reply) === true ? pingMarker : anywhere;
  return { markers: next && { next, anywhere }, answer };
}

export function encodeAuth(token: Token): Buffer {
  return encodeCommand(["AUTH", token.username, token.reveal()]);
}

/** The text of a simple reply or an error, without its type. */
export function textOf(frame: Buffer): string {
  return frame.toString("utf8").replace(/^[-+]/, "").trimEnd();
}

/** Whether a frame can be the answer to a login: lines that MONITOR shows cannot. */
export function isVerdict(frame: Buffer): boolean {
  return frame[0] === ERROR || frame.equals(OK_REPLY);
}

const ERROR = 45;
const OK_REPLY = Buffer.from("+OK\r\n");
const OK = Buffer.from("+OK");

/** Sends commands and resolves with their replies; only the first one when that is an error. */
function ask(stream: Duplex, commands: readonly Buffer[], signal: AbortSignal): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const count = commands.length;
    const scanner = new ReplyScanner({ maxBulkLength: LONGEST_REPLY, maxElements: LONGEST_REPLY });
    const replies: Buffer[] = [];
    let received: Buffer = Buffer.alloc(0);
    const settle = (): void => {
      stream.off("data", onData).off("error", fail).off("close", onClose).pause();
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
    };
    const onClose = (): void => fail(new Error("the server closed the connection during the login"));
    const onAbort = (): void => fail(signal.reason as Error);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      try {
        while (scanner.position < received.length && replies.length < count && !isError(replies[0])) {
          scanner.scanFrame(received, scanner.position);
          if (scanner.atBoundary) replies.push(received.subarray(scanner.frameStart, scanner.position));
        }
      } catch (error) {
        fail(new Error("the answer is not Redis protocol", { cause: error }));
        return;
      }
      if (replies.length < count && !isError(replies[0])) return;
      settle();
      resolve(replies);
    };
    stream.on("data", onData).on("error", fail).on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else stream.write(Buffer.concat(commands));
  });
}

/** What is longer is not an answer to our questions. */
const LONGEST_REPLY = 64 * 1024;

function isError(reply: Buffer | undefined): boolean {
  return reply?.[0] === 45;
}
