import { invalidOption, PasswordlessError } from "../core/errors.js";
import { Events } from "../core/events.js";
import type { ProxyEvents, ProxyState } from "./events.js";
import { FollowedIdentities } from "./identities.js";
import { Instance } from "./instance.js";
import type { InstanceOptions, ProxyOptions } from "./options.js";
import type { ProxyStatus } from "./status.js";

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
  /**
   * Serves these instances from now on. Those whose options are the same objects as before go on untouched. Clients of
   * one that is gone, or that has another cache or identity now, may stay for `maxMs`; clients of one of which anything
   * else has changed stay until they leave.
   *
   * @returns a promise of the end of the last connection of instances that are no more
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there; then nothing has changed
   */
  reload(options: ProxyOptions & Pick<DrainOptions, "maxMs">): Promise<{ readonly left: Promise<void> }>;
  /** Waits for those who are inside, and ends the connections of those who wait for nothing; then ends itself. */
  drain(options?: DrainOptions): Promise<void>;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

const LONGEST_DRAIN_MS = 30_000;
/** How often clients that wait for nothing are looked for while the proxy ends, in milliseconds. */
const DISMISSAL_MS = 100;

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
  #instances: readonly Instance[];
  /** Those that are no more, but for clients that are still inside. */
  readonly #leaving = new Set<Instance>();
  readonly #identities = new FollowedIdentities(this.#events);
  readonly #startedAtMs = Date.now();
  #state: ProxyState = "starting";
  #ending: Promise<void> | undefined;

  constructor(options: ProxyOptions) {
    this.#instances = options.instances.map((instance) => new Instance(instance, this.#events));
    this.#followIdentities();
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
      instances: this.#instances.map((instance) => ({
        ...instance.status(),
        identity: this.#identities.nameOf(instance.options.identity),
      })),
      identities: this.#identities.status(),
    };
  }

  on<Name extends keyof ProxyEvents>(name: Name, listener: (payload: ProxyEvents[Name]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  async test(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.test(signal)));
  }

  async reload({
    instances,
    maxMs = LONGEST_DRAIN_MS,
  }: ProxyOptions & Pick<DrainOptions, "maxMs">): Promise<{ readonly left: Promise<void> }> {
    if (instances.length === 0) throw invalidOption("instances", "at least one cache", "none");
    const before = this.#instances;
    const old = before.filter(({ options }) => !instances.includes(options));
    const all = instances.map((options) => {
      const same = before.find((one) => one.options === options);
      return (
        same ??
        new Instance(
          options,
          this.#events,
          before.find((one) => leadsToTheSame(one, options)),
        )
      );
    });
    const fresh = all.filter((instance) => !before.includes(instance));
    try {
      for (const instance of fresh) await instance.listen(old);
      // Who has begun to end meanwhile opens nothing any more.
      if (this.#state !== "ready") throw closedError();
    } catch (error) {
      await Promise.all(fresh.map((instance) => instance.stopListening()));
      for (const instance of fresh) instance.destroy();
      throw error;
    }
    for (const instance of fresh) for (const from of old) instance.adopt(from);
    this.#instances = all;
    await Promise.all(old.map((instance) => instance.stopListening()));
    for (const instance of old) {
      await instance.leaveNodesTo(fresh.find((other) => leadsToTheSame(instance, other.options)));
    }
    const left = old.map((instance) =>
      this.#leave(
        instance,
        fresh.some((other) => leadsToTheSame(instance, other.options)) ? undefined : maxMs,
      ),
    );
    this.#followIdentities();
    return { left: Promise.all(left).then(() => this.#followIdentities()) };
  }

  /** @param maxMs how long its clients may stay; as long as they like by default */
  async #leave(instance: Instance, maxMs: number | undefined): Promise<void> {
    this.#leaving.add(instance);
    if (maxMs !== undefined) {
      await Promise.race([instance.empty(), pause(maxMs)]);
      instance.destroy();
    }
    await instance.empty();
    instance.destroy();
    this.#leaving.delete(instance);
  }

  drain(options: DrainOptions = {}): Promise<void> {
    this.#ending ??= this.#drain(options);
    return this.#ending;
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#enter("closed");
    await this.#stopListening();
    for (const instance of this.#everybody) instance.destroy();
    await this.#empty();
    this.#identities.follow([]);
    this.#events.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drain({ minMs = 0, maxMs = LONGEST_DRAIN_MS }: DrainOptions): Promise<void> {
    if (minMs > 0) {
      this.#enter("draining");
      await pause(minMs);
      await this.#stopListening();
    } else {
      // The doors are shut before anybody is told so.
      const shut = this.#stopListening();
      this.#enter("draining");
      await shut;
    }
    const left = Math.max(0, maxMs - minMs);
    const dismissal = setInterval(() => {
      for (const instance of this.#everybody) instance.dismissIdle();
    }, DISMISSAL_MS);
    await Promise.race([this.#empty(), pause(left)]);
    clearInterval(dismissal);
    await this.close();
  }

  async #stopListening(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stopListening()));
  }

  async #empty(): Promise<void> {
    await Promise.all(this.#everybody.map((instance) => instance.empty()));
  }

  #enter(state: ProxyState): void {
    this.#state = state;
    this.#events.emit("stateChanged", { state });
  }

  get #everybody(): readonly Instance[] {
    return [...this.#instances, ...this.#leaving];
  }

  #followIdentities(): void {
    this.#identities.follow(this.#everybody.map(({ options }) => options.identity));
  }
}

function closedError(): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLOSED", {
    message: "The proxy is ending.",
    remedy: "Start a new one with these settings.",
  });
}

function leadsToTheSame({ options: one }: Instance, other: InstanceOptions): boolean {
  const isSameServer = one.server.host === other.server.host && one.server.port === other.server.port;
  const isSameLogin =
    one.identity === other.identity || (one.login !== undefined && one.login === other.login);
  return one.name === other.name && isSameServer && isSameLogin;
}

/** Keeps the process alive: somebody waits for the end. */
function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
