import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.js";
import { openTcp } from "./dial.js";
import { within } from "./time-limit.js";

const LIMIT_MS = 800;

/**
 * Whether Redis answers there without TLS. Nothing secret is sent: a PING, which Redis answers also when nobody has
 * logged in.
 */
export async function speaksPlaintext(
  clock: Clock,
  where: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await firstWords(clock, (signal) => openTcp(where, undefined, signal), "PING\r\n", signal);
  return /^(?:\+PONG|-[A-Z]+ )/.test(answer);
}

/** Whether a web server answers on such a connection: one may cut the line without a word at Redis's protocol. */
export async function speaksHttp(
  clock: Clock,
  open: (signal: AbortSignal) => Promise<Duplex>,
  signal: AbortSignal,
): Promise<boolean> {
  const request = "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  return /^HTTP\/\d/.test(await firstWords(clock, open, request, signal));
}

/** What is answered first; nothing when nothing is. */
async function firstWords(
  clock: Clock,
  open: (signal: AbortSignal) => Promise<Duplex>,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await within(clock, LIMIT_MS, signal, async (signal) => {
      const stream = await open(signal);
      signal.addEventListener("abort", () => stream.destroy(), { once: true });
      return await answerTo(stream, question);
    });
  } catch {
    return "";
  }
}

async function answerTo(stream: Duplex, question: string): Promise<string> {
  try {
    return await new Promise<string>((resolve, reject) => {
      stream.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1")));
      stream.once("error", reject).once("close", () => reject(new Error("closed without an answer")));
      stream.write(question);
    });
  } finally {
    stream.on("error", () => {}).destroy();
  }
}
