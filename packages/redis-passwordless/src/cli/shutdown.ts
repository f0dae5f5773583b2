import { listenLabel } from "../proxy/config/listen-address.js";
import { EXIT_DONE, EXIT_FAILED } from "./exit-codes.js";
import type { Session } from "./session.js";
import { askStatusServer, statusServerOf } from "./status-client.js";

/** For the answer, in milliseconds. The proxy gives it before it waits for its clients. */
const ANSWER_MS = 5_000;

/** Asks a proxy to end, by its `/quitquitquit`. */
export async function run({ settings, output, stop }: Session): Promise<number> {
  const address = statusServerOf(settings);
  const where = `http://${listenLabel(address)}/quitquitquit`;
  try {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(ANSWER_MS)]);
    const { status, body } = await askStatusServer(address, "POST", "/quitquitquit", signal);
    if (status >= 200 && status < 300) return EXIT_DONE;
    const why =
      status === 404 || status === 403 || status === 405
        ? "the proxy was started without --quitquitquit, or something else listens there."
        : (problemIn(body) ?? "that is not the answer of a proxy.");
    output.log(`redis-passwordless shutdown: ${where} has answered ${status}: ${why}`);
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    const { code = "nobody has answered" } = error as NodeJS.ErrnoException;
    output.log(`redis-passwordless shutdown: there is no proxy at ${where} (${code}).`);
  }
  return EXIT_FAILED;
}

/** What a proxy says of a question that it does not answer. */
function problemIn(body: string): string | undefined {
  try {
    const { error, remedy = "" } = JSON.parse(body) as { readonly error?: string; readonly remedy?: string };
    return error === undefined ? undefined : `${error} ${remedy}`.trim();
  } catch {
    return undefined;
  }
}
