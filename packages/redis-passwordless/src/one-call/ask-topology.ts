import { opened } from "../adapters/opened.js";
import { reconnectDelayMs } from "../azure/client-advice.js";
import type { Clock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import { askAside, type Dial } from "../reauth/probe.js";
import { unreachableError } from "../reauth/unreachable.js";
import { TOPOLOGY_QUESTION, type Topology, topologyOf } from "../topology/topology.js";
import type { Cache } from "./cache.js";

/** How long a cache that cannot be reached is asked again, in milliseconds: an unplanned failover takes 10 to 15 s. */
const PATIENCE_MS = 30_000;

export interface AskOptions {
  /** What the client would give to `tls.connect` besides the address; `undefined` for one without TLS. */
  readonly tls: object | undefined;
  /** @default as Azure advises */
  readonly connectTimeoutMs?: number | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Asks a cache which kind of client it wants, on a connection of its own; a cluster of one node wants a cluster
 * client too, because it may grow.
 *
 * @returns `single` also when the cache does not tell
 * @throws {PasswordlessError} the identity provider's verdict, `ERR_PASSWORDLESS_AUTH_REFUSED`,
 * `ERR_PASSWORDLESS_CONNECTION_FAILED` when it cannot be reached
 */
export async function askTopology(cache: Cache, options: AskOptions): Promise<Topology> {
  const { clock, random } = options;
  const startMs = clock.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const topology = topologyOf(await askOnce(cache, options));
      return topology === "cluster" || topology === "either" ? "cluster" : "single";
    } catch (error) {
      if (PasswordlessError.is(error)) throw error;
      const isLate = clock.now() - startMs >= PATIENCE_MS;
      if (isLate || !isTransient(error)) {
        const label = labelOf(cache.endpoint);
        throw unreachableError(label, `${label} cannot be asked which client it wants`, error);
      }
      await pause(clock, reconnectDelayMs(attempt, random));
    }
  }
}

async function askOnce(cache: Cache, { tls, clock, ...options }: AskOptions): Promise<string> {
  const { endpoint, identity, advice } = cache;
  // To the clients 0 means no limit; nobody would hear of a question that waits for ever.
  const timeoutMs = options.connectTimeoutMs || advice.connectTimeoutMs;
  const late = new AbortController();
  const token = identity.getToken();
  // It is awaited below, but may be rejected before.
  token.catch(() => {});
  // The time runs for the server: how long a token may take, its own rules say.
  const timer = token.then(
    () => clock.schedule(() => late.abort(timeoutError(timeoutMs)), timeoutMs, { keepAlive: true }),
    () => undefined,
  );
  try {
    return await askAside(dialerOf(endpoint, tls), labelOf(endpoint), token, TOPOLOGY_QUESTION, late.signal);
  } finally {
    (await timer)?.[Symbol.dispose]();
  }
}

function dialerOf({ host, port, serverName }: Cache["endpoint"], tls: object | undefined): Dial {
  return async (signal) => {
    if (tls === undefined) {
      const { connect } = process.getBuiltinModule("node:net");
      return opened(connect({ host, port }), "connect", signal);
    }
    const { connect } = process.getBuiltinModule("node:tls");
    const servername =
      process.getBuiltinModule("node:net").isIP(serverName) > 0 ? {} : { servername: serverName };
    return opened(connect({ ...servername, ...tls, host, port }), "secureConnect", signal);
  };
}

/** Whether the same attempt may succeed soon: the cache restarts or fails over. */
function isTransient(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return (
    error instanceof Error &&
    (code === undefined
      ? /closed the connection|was closed/.test(error.message)
      : /^(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)$/.test(code))
  );
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(resolve, delayMs, { keepAlive: true });
  });
}

function labelOf({ host, port }: Cache["endpoint"]): string {
  return `${host}:${port}`;
}

function timeoutError(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" });
}
