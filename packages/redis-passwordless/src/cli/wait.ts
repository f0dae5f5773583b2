import { setTimeout as pause } from "node:timers/promises";
import { listenLabel } from "../proxy/config/listen-address.js";
import { EXIT_DONE, EXIT_FAILED } from "./exit-codes.js";
import type { Session } from "./session.js";
import { askStatusServer, statusServerOf } from "./status-client.js";

const DEFAULT_MAX_MS = 30_000;
/** Between two questions, in milliseconds. */
const AGAIN_MS = 200;
/** For one question, in milliseconds. */
const ANSWER_MS = 5_000;

/** Waits until a proxy has started, by its `/startup`. */
export async function run({ settings, output, stop }: Session): Promise<number> {
  const maxMs = settings.durationMs("max", { least: 0, most: 3_600 }) ?? DEFAULT_MAX_MS;
  const address = statusServerOf(settings);
  const deadline = performance.now() + maxMs;
  let last = "nobody has answered";
  do {
    try {
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(ANSWER_MS)]);
      const { status, body } = await askStatusServer(address, "GET", "/startup", signal);
      if (status === 200) return EXIT_DONE;
      last = `it has answered ${status}: ${firstLine(body)}`;
    } catch (error) {
      last = (error as NodeJS.ErrnoException).code ?? "nobody has answered";
    }
    const leftMs = deadline - performance.now();
    if (leftMs > 0)
      await pause(Math.min(AGAIN_MS, leftMs), undefined, { signal: stop.signal }).catch(() => {});
  } while (performance.now() < deadline && stop.exitCode === undefined);
  if (stop.exitCode !== undefined) return stop.exitCode;
  output.log(
    `redis-passwordless wait: no proxy is ready at http://${listenLabel(address)}/startup within ${maxMs / 1_000} s (${last}). Its own log says why.`,
  );
  return EXIT_FAILED;
}

function firstLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 300);
}
