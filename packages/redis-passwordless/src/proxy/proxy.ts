import { invalidOption } from "../core/errors.js";
import { Events } from "../core/events.js";
import type { Identity } from "../reauth/identity.js";
import type { ProxyEvents, ProxyState } from "./events.js";
import { Instance } from "./instance.js";
import type { ProxyOptions } from "./options.js";
import type { IdentityStatus, ProxyStatus } from "./status.js";

/** How long those who are inside may stay when the proxy ends, in milliseconds. */
export interface DrainOptions {
  /** Nobody is cut before, and new clients are let in until then. @default 0 */
  readonly minMs?: number | undefined;
  /** Whoever is still there then is cut. @default 30_000 */
  readonly maxMs?: number | undefined;
}

/** A proxy that runs. */
export interface RunningProxy extends AsyncDisposable {
  status(): ProxyStatus;
  on<Name extends keyof ProxyEvents>(name: Name, listener: (payload: ProxyEvents[Name]) => void): Disposable;
  /** Connects each instance once, and resolves when all of them could. */
  test(signal: AbortSignal): Promise<void>;
  /** Waits for those who are inside, then ends. */
  drain(options?: DrainOptions): Promise<void>;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

const LONGEST_DRAIN_MS = 30_000;

/**
 * Starts a proxy: resolves when every instance listens.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`; then nothing listens
 */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  if (options.instances.length === 0) throw invalidOption("instances", "at least one cache", "none");
  const proxy = new RedisProxy(options);
  await proxy.start();
  return proxy;
}

class RedisProxy implements RunningProxy {
  readonly #events = new Events<ProxyEvents>();
  readonly #instances: readonly Instance[];
  readonly #identities: ReadonlySet<Identity>;
  readonly #subscriptions: Disposable[] = [];
  readonly #startedAtMs = Date.now();
  #state: ProxyState = "starting";
  #ending: Promise<void> | undefined;

  constructor(options: ProxyOptions) {
    this.#instances = options.instances.map((instance) => new Instance(instance, this.#events));
    this.#identities = new Set(options.instances.map(({ identity }) => identity));
    for (const identity of this.#identities) this.#listenTo(identity);
  }

  async start(): Promise<void> {
    try {
      for (const instance of this.#instances) await instance.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#enter("ready");
  }

  status(): ProxyStatus {
    return {
      state: this.#state,
      startedAtMs: this.#startedAtMs,
      instances: this.#instances.map((instance) => instance.status()),
      identities: [...this.#identities].map(statusOf),
    };
  }

  on<Name extends keyof ProxyEvents>(name: Name, listener: (payload: ProxyEvents[Name]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  async test(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.test(signal)));
  }

  drain(options: DrainOptions = {}): Promise<void> {
    this.#ending ??= this.#drain(options);
    return this.#ending;
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#enter("closed");
    await Promise.all(this.#instances.map((instance) => instance.stopListening()));
    for (const instance of this.#instances) instance.destroy();
    await this.#empty();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#events.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drain({ minMs = 0, maxMs = LONGEST_DRAIN_MS }: DrainOptions): Promise<void> {
    this.#enter("draining");
    if (minMs > 0) await pause(minMs);
    await Promise.all(this.#instances.map((instance) => instance.stopListening()));
    const left = Math.max(0, maxMs - minMs);
    await Promise.race([this.#empty(), pause(left)]);
    await this.close();
  }

  async #empty(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.empty()));
  }

  #enter(state: ProxyState): void {
    this.#state = state;
    this.#events.emit("stateChanged", { state });
  }

  #listenTo(identity: Identity): void {
    const events = this.#events;
    const { description } = identity;
    this.#subscriptions.push(
      identity.on("tokenRefreshed", ({ token }) =>
        events.emit("tokenRefreshed", { identity: description, token }),
      ),
      identity.on("refreshFailing", (failure) =>
        events.emit("refreshFailing", { identity: description, ...failure }),
      ),
      identity.on("recovered", ({ failures, outageMs }) =>
        events.emit("recovered", { identity: description, failures, outageMs }),
      ),
      identity.on("tokenExpired", ({ expiredAtMs }) =>
        events.emit("tokenExpired", { identity: description, expiredAtMs }),
      ),
    );
  }
}

function statusOf(identity: Identity): IdentityStatus {
  const { state, token, failures, lastError, clockSkewMs, connections } = identity.status;
  return {
    description: identity.description,
    state,
    username: token?.username,
    issuedAtMs: token?.receivedAtMs,
    expiresAtMs: token?.expiresAtMs,
    failures,
    lastError,
    clockSkewMs,
    connections,
  };
}

/** Keeps the process alive: somebody waits for the end. */
function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
