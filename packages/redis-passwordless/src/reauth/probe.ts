import type { Duplex } from "node:stream";
import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import { refusedError } from "./connection.js";

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
  const reply = await askServer(dial, token, signal).catch((error: unknown) => {
    throw new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
      message: `The new token could not be tried at ${label}: ${error instanceof Error ? error.message : String(error)}.`,
      remedy:
        "Check that the server is reachable and its certificate is trusted; open connections are not affected.",
      retryable: true,
      cause: error,
    });
  });
  if (!reply.startsWith("+OK")) throw refusedError(label, token, reply.replace(/^[-+]/, ""));
}

async function askServer(dial: Dial, token: Token, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const stream = await dial(signal);
  try {
    return await new Promise<string>((resolve, reject) => {
      let received = "";
      stream.on("data", (chunk: Buffer) => {
        received += chunk.toString("latin1");
        const end = received.indexOf("\r\n");
        if (end >= 0) resolve(received.slice(0, end));
        else if (received.length > LONGEST_REPLY) reject(new Error("the answer is not Redis protocol"));
      });
      stream.on("error", reject);
      stream.on("close", () => reject(new Error("the server closed the connection without an answer")));
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      stream.write(encodeAuth(token.username, token.reveal()));
    });
  } finally {
    stream.on("error", () => {}); // Whatever comes after the answer no longer matters.
    stream.destroy();
  }
}

function encodeAuth(username: string, password: string): string {
  const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  return `*3\r\n${bulk("AUTH")}${bulk(username)}${bulk(password)}`;
}
