import type { AzureEndpoint } from "../azure/endpoint.js";
import { ReplyError } from "../inband/reply.js";
import { refusedError } from "../reauth/connection.js";
import { labelOf } from "./environment-step.js";
import type { Examination } from "./examination.js";
import { type Credentials, sendAuth } from "./login-steps.js";
import type { RedisConnection } from "./redis-connection.js";
import { stopwatch } from "./time-limit.js";

const LIMIT_MS = 3_000;
/** So long at most, in milliseconds: a few round trips tell enough where they are slow. */
const PINGS_FOR_MS = 2_000;

/** Logs in once more on the open connection, as has to be done before each token's end. */
export async function loginAgain(
  { steps }: Examination,
  endpoint: AzureEndpoint,
  connection: RedisConnection,
  credentials: Credentials,
): Promise<void> {
  if (credentials.kind === "accessKey") {
    return steps.skip("reauthentication", "an access key has no end");
  }
  await steps.run("reauthentication", LIMIT_MS, async (step) => {
    const before = await clientId(connection);
    const reply = await sendAuth(connection, credentials);
    if (reply instanceof ReplyError) throw refusedError(labelOf(endpoint), credentials.token, reply.message);
    const after = await clientId(connection);
    Object.assign(step.facts, { connectionId: after, isSameConnection: before === after });
    step.summary =
      after === undefined
        ? "accepted on the open connection"
        : `accepted on the open connection (CLIENT ID ${after} as before)`;
    return true;
  });
}

/** `undefined` where it may not be asked. */
export async function clientId(connection: RedisConnection): Promise<number | undefined> {
  const reply = await connection.ask("CLIENT", "ID");
  return typeof reply === "number" ? reply : undefined;
}

/** How long PINGs take, one after the other. */
export async function measureRoundTrips(
  { steps, options }: Examination,
  connection: RedisConnection,
): Promise<void> {
  await steps.run("roundTrips", LIMIT_MS, async (step) => {
    const all = stopwatch();
    const timesMs: number[] = [];
    while (timesMs.length < options.pings && all() < PINGS_FOR_MS) {
      const startMs = performance.now();
      await connection.ask("PING");
      timesMs.push(performance.now() - startMs);
    }
    timesMs.sort((one, other) => one - other);
    const [p50Ms, p99Ms] = [percentile(timesMs, 0.5), percentile(timesMs, 0.99)];
    Object.assign(step.facts, { pings: timesMs.length, p50Ms, p99Ms, maxMs: percentile(timesMs, 1) });
    step.summary = `p50 ${p50Ms} ms, p99 ${p99Ms} ms of ${timesMs.length} PINGs`;
    return true;
  });
}

function percentile(sorted: readonly number[], fraction: number): number {
  const index = Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1);
  return Math.round((sorted[Math.max(0, index)] ?? 0) * 100) / 100;
}
