import type { Duplex } from "node:stream";
import type { Token } from "../core/token.js";
import { encryptionOf, refusedError } from "./connection.js";
import { unreachableError } from "./unreachable.js";

/** Opens a connection to the server, verified as the client's own connections are. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** An answer to AUTH is one line; whatever is longer is not Redis. */
const LONGEST_REPLY = 4_096;

/**
 * Tries a token on a connection of its own: opens it, sends AUTH, reads the one reply and closes.
 *
 * Since Redis 7.2 (and in Valkey) a failing AUTH gets no reply when other replies are pending
 * (https://github.com/redis/redis/issues/15640), and a client that counts replies then hands one command's
 * answer to another. On a fresh connection nothing is pending, so the verdict is always heard.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_AUTH_REFUSED` when the server refused the token,
 * `ERR_PASSWORDLESS_CONNECTION_FAILED` when it could not be asked
 */
export async function probeLogin(
  dial: Dial,
  label: string,
  token: Token,
  signal: AbortSignal,
): Promise<void> {
  const dialing = dial(signal);
  const [reply = ""] = await askServer(dialing, [authOf(token)], signal).catch((error: unknown) => {
    const observed = `The new token could not be tried at ${label}, which affects no open connection`;
    throw unreachableError(label, observed, error);
  });
  if (!reply.startsWith("+OK"))
    throw refusedError(label, token, reply.replace(/^[-+]/, ""), encryptionOf(await dialing));
}

/**
 * Asks the server something on a connection of its own, opened while the token is still awaited; resolves with the
 * first line of the answer.
 *
 * @throws {PasswordlessError} what the token is rejected with, `ERR_PASSWORDLESS_AUTH_REFUSED`
 * @throws the connection's error, or the signal's reason
 */
export async function askAside(
  dial: Dial,
  label: string,
  awaited: Promise<Token>,
  question: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const done = new AbortController();
  const dialing = dial(AbortSignal.any([signal, done.signal])).then((stream) => {
    // A connection that ends while the token is awaited is found out below.
    return stream.on("error", () => {});
  });
  dialing.catch(() => {});
  try {
    const token = await unlessAborted(awaited, signal);
    const [login = "", answer = ""] = await askServer(dialing, [authOf(token), question], signal);
    if (!login.startsWith("+OK")) {
      throw refusedError(label, token, login.replace(/^[-+]/, ""), encryptionOf(await dialing));
    }
    return answer;
  } catch (error) {
    // Nobody waits for the connection any more, whether it is open or not.
    done.abort(error);
    dialing.then((stream) => stream.destroy()).catch(() => {});
    throw error;
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const stop = (): void => signal.removeEventListener("abort", onAbort);
    promise.then(resolve, reject).then(stop, stop);
  });
}

/** Resolves with the first line of each answer; every answer but the last must be a line. */
async function askServer(
  dialing: Promise<Duplex>,
  commands: readonly (readonly string[])[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const stream = await dialing;
  try {
    if (stream.destroyed) throw new Error("the server closed the connection without an answer");
    return await new Promise<readonly string[]>((resolve, reject) => {
      let received = "";
      stream.on("data", (chunk: Buffer) => {
        received += chunk.toString("latin1");
        const lines = received.split("\r\n").slice(0, -1);
        if (lines.length >= commands.length || lines[0]?.startsWith("-") === true) resolve(lines);
        else if (received.length > LONGEST_REPLY) reject(new Error("the answer is not Redis protocol"));
      });
      stream.on("error", reject);
      stream.on("close", () => reject(new Error("the server closed the connection without an answer")));
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      stream.write(commands.map(encode).join(""));
    });
  } finally {
    stream.on("error", () => {}); // Whatever comes after the answer no longer matters.
    stream.destroy();
  }
}

function authOf(token: Token): readonly string[] {
  return ["AUTH", token.username, token.reveal()];
}

function encode(command: readonly string[]): string {
  const bulks = command.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`);
  return `*${command.length}\r\n${bulks.join("")}`;
}
