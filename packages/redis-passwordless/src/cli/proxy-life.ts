import { libraryVersion } from "../diagnose/version.js";
import type { StatusServer } from "../proxy/http/index.js";
import { reportToOpenTelemetry } from "../proxy/metrics/opentelemetry.js";
import type { InstanceOptions } from "../proxy/options.js";
import { type RunningProxy, startProxy } from "../proxy/proxy.js";
import type { Identity } from "../reauth/identity.js";
import { Announcer, type LifeLog } from "./proxy-announcer.js";
import { ProxyInstances } from "./proxy-instances.js";
import type { ProxyPlan } from "./proxy-plan.js";
import { openStatusServer } from "./proxy-status.js";
import type { Session } from "./session.js";
import { ServiceManager } from "./systemd.js";
import { tuneV8 } from "./v8.js";

interface Surroundings {
  readonly session: Session;
  readonly log: LifeLog;
  readonly plan: ProxyPlan;
  /** Reads the plan anew. */
  readonly read: () => ProxyPlan;
  /** Called when everything listens, and what was to be tested is tested. */
  readonly onReady?: () => void;
}

/** One proxy from its start to its end. */
export class ProxyLife {
  readonly #session: Session;
  readonly #log: LifeLog;
  readonly #announcer: Announcer;
  readonly #onReady: () => void;
  readonly #read: () => ProxyPlan;
  readonly #instances: ProxyInstances;
  readonly #manager: ServiceManager;
  /** Identities whose last connections may still be open. */
  readonly #identities = new Set<Identity>();
  #plan: ProxyPlan;
  /** Reloads come one after the other. */
  #reloading: Promise<void> = Promise.resolve();

  constructor({ session, log, plan, read, onReady = () => {} }: Surroundings) {
    this.#session = session;
    this.#log = log;
    this.#announcer = new Announcer(log);
    this.#plan = plan;
    this.#read = read;
    this.#onReady = onReady;
    this.#instances = new ProxyInstances(session.env, plan.workers);
    this.#manager = new ServiceManager(session.env, (text) => this.#announcer.tell("warn", "systemd", text));
  }

  /**
   * Serves until somebody asks for the end, and then as long as clients may stay.
   *
   * @throws {PasswordlessError} why nobody can be served
   * @throws the reason of the stop when it comes before that is known
   */
  async run(): Promise<void> {
    const { stop } = this.#session;
    const { promise: started, resolve: start } = deferred<RunningProxy>();
    const hangUp = (): void => {
      this.#reloading = this.#reloading.then(async () => this.#reload(await started));
    };
    // From now on: without a listener, the signal ends the process.
    process.on("SIGHUP", hangUp);
    let proxy: RunningProxy | undefined;
    let status: StatusServer | undefined;
    let telemetry: Disposable | undefined;
    try {
      status = await openStatusServer(this.#plan, started, () => stop.request());
      if (status !== undefined)
        this.#announcer.tell("info", "status", `Health and metrics are at ${status.url}`);
      proxy = await this.#start();
      start(proxy);
      tuneV8();
      telemetry = await reportToOpenTelemetry(proxy, libraryVersion());
      if (this.#plan.common.isOn("run-connection-test")) {
        await proxy.test(stop.signal);
      }
      this.#onReady();
      await this.#manager.ready(this.#summary());
      await stop.requested();
      await this.#end(proxy);
    } finally {
      process.off("SIGHUP", hangUp);
      telemetry?.[Symbol.dispose]();
      await proxy?.close();
      await status?.close();
      await Promise.all([...this.#identities].map((identity) => identity.close()));
    }
  }

  async #start(): Promise<RunningProxy> {
    const instances = this.#instances.optionsFor(this.#plan.instances);
    for (const { identity } of instances) this.#identities.add(identity);
    await this.#prepare(instances);
    const proxy = await startProxy({ instances });
    this.#log.follow(proxy);
    this.#announcer.tellInstances(proxy.status(), instances, this.#plan);
    return proxy;
  }

  async #prepare(of: readonly InstanceOptions[]): Promise<void> {
    await this.#instances.findHosts(of);
    const missing = await this.#instances.firstTokens(of, this.#session.stop.signal);
    for (const { identity, error } of missing) {
      const text = `There is no token for the ${identity.description} yet, and clients wait for it`;
      this.#announcer.tell("warn", "noToken", text, { identity: identity.description }, error);
    }
  }

  /** Reads everything again. What cannot be used changes nothing. */
  async #reload(proxy: RunningProxy): Promise<void> {
    if (this.#session.stop.signal.aborted) return;
    await this.#manager.reloading();
    try {
      await this.#change(proxy, this.#read());
    } catch (error) {
      if (this.#session.stop.signal.aborted) return;
      this.#announcer.tell(
        "error",
        "reloadFailed",
        "The new configuration cannot be used, so nothing has changed",
        {},
        error,
      );
    }
    await this.#manager.ready(this.#summary());
  }

  async #change(proxy: RunningProxy, plan: ProxyPlan): Promise<void> {
    const before = this.#plan;
    const known = this.#instances.optionsFor(before.instances);
    const instances = this.#instances.optionsFor(plan.instances);
    const fresh = instances.filter((one) => !known.includes(one));
    try {
      await this.#prepare(fresh);
      const { left } = await proxy.reload({ instances, maxMs: plan.maxDrainMs });
      for (const { identity } of fresh) this.#identities.add(identity);
      this.#plan = plan;
      void this.#closeUnneeded(this.#instances.retain(plan.instances), left);
    } catch (error) {
      const unused = this.#instances.retain(before.instances);
      // Those that were there before may have connections that are still leaving.
      void this.#closeUnneeded(unused.filter((identity) => !this.#identities.has(identity)));
      throw error;
    }
    this.#announcer.tellChange(before, plan);
    this.#announcer.tellInstances(proxy.status(), fresh, plan);
  }

  async #closeUnneeded(identities: readonly Identity[], left?: Promise<void>): Promise<void> {
    await left;
    for (const identity of identities) {
      // A later reload may have taken it up again.
      if (this.#instances.uses(identity)) continue;
      this.#identities.delete(identity);
      await identity.close();
    }
  }

  async #end(proxy: RunningProxy): Promise<void> {
    const { stop } = this.#session;
    const { minDrainMs: minMs, maxDrainMs: maxMs } = this.#plan;
    const inside = (): number =>
      proxy.status().instances.reduce((sum, { counters }) => sum + counters.openClients, 0);
    await this.#manager.stopping(`${inside()} clients may finish`);
    const hurried = new Promise<void>((resolve) => {
      stop.again.addEventListener("abort", () => resolve(), { once: true });
    });
    let cut = 0;
    const listener = proxy.on("clientClosed", ({ reason }) => {
      if (reason === "closing") cut += 1;
    });
    await Promise.race([proxy.drain({ minMs, maxMs }), hurried]);
    await proxy.close();
    listener[Symbol.dispose]();
    if (cut > 0)
      this.#announcer.tell(
        "warn",
        "cut",
        `${cut} ${cut === 1 ? "client" : "clients"} had not finished, and ${cut === 1 ? "was" : "were"} cut off`,
        { clients: cut },
      );
  }

  #summary(): string {
    return `serves ${this.#plan.instances.map(({ name }) => name).join(", ")}`;
  }
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
