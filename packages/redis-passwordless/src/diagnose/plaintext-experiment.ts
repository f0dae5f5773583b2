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
  try {
    return /^(?:\+PONG|-[A-Z]+ )/.test(await within(clock, LIMIT_MS, signal, (signal) => ask(where, signal)));
  } catch {
    return false;
  }
}

async function ask(
  where: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<string> {
  const socket = await openTcp(where, undefined, signal);
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1")));
      socket.once("error", reject).once("close", () => reject(new Error("closed without an answer")));
      socket.write("PING\r\n");
    });
  } finally {
    socket.on("error", () => {}).destroy();
  }
}
