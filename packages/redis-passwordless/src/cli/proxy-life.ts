import { isLoopback } from "../adapters/plaintext.js";
import { libraryVersion } from "../diagnose/version.js";
import { listenLabel } from "../proxy/config/listen-address.js";
import type { StatusServer } from "../proxy/http/index.js";
import type { Notice, NoticeFields } from "../proxy/logs/index.js";
import { troubleOf } from "../proxy/logs/index.js";
import { reportToOpenTelemetry } from "../proxy/metrics/opentelemetry.js";
import type { InstanceOptions } from "../proxy/options.js";
import { type RunningProxy, startProxy } from "../proxy/proxy.js";
import type { ProxyView } from "../proxy/view.js";
import type { Identity } from "../reauth/identity.js";
import { INSTANCE_SETTINGS } from "./proxy-commands.js";
import { ProxyInstances } from "./proxy-instances.js";
import type { ProxyPlan } from "./proxy-plan.js";
import { openStatusServer } from "./proxy-status.js";
import type { Session } from "./session.js";
import { ServiceManager } from "./systemd.js";

/** Where it goes what a proxy has to tell: its log, or the process that has started it as one of several. */
export interface LifeLog {
  follow(view: ProxyView): void;
  tell(notice: Notice): void;
}

interface Surroundings {
  readonly session: Session;
  readonly log: LifeLog;
  readonly plan: ProxyPlan;
  /** Reads the plan anew. */
  readonly read: () => ProxyPlan;
  /** Called when everything listens, and what was to be tested is tested. */
  readonly onReady?: () => void;
}

/** How long a connection test may take, in milliseconds. */
const TEST_MS = 60_000;

/** One proxy from its start to its end. */
export class ProxyLife {
  readonly #session: Session;
  readonly #log: LifeLog;
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
    this.#plan = plan;
    this.#read = read;
    this.#onReady = onReady;
    this.#instances = new ProxyInstances(session.env, plan.workers);
    this.#manager = new ServiceManager(session.env, (text) => this.#tell("warn", "systemd", text));
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
      if (status !== undefined) this.#tell("info", "status", `Health and metrics are at ${status.url}`);
      proxy = await this.#start();
      start(proxy);
      telemetry = await reportToOpenTelemetry(proxy, libraryVersion());
      if (this.#plan.common.isOn("run-connection-test")) {
        await proxy.test(AbortSignal.any([stop.signal, AbortSignal.timeout(TEST_MS)]));
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
    this.#announce(proxy, instances);
    return proxy;
  }

  async #prepare(of: readonly InstanceOptions[]): Promise<void> {
    await this.#instances.findHosts(of);
    const missing = await this.#instances.firstTokens(of, this.#session.stop.signal);
    for (const { identity, error } of missing) {
      const text = `There is no token for the ${identity.description} yet, and clients wait for it`;
      this.#tell("warn", "noToken", text, { identity: identity.description }, error);
    }
  }

  /** What is served where, and what is easily mistaken. */
  #announce(proxy: RunningProxy, of: readonly InstanceOptions[]): void {
    for (const { name, endpoint, listening, identity } of proxy.status().instances) {
      const options = of.find((one) => one.name === name);
      if (options === undefined) continue;
      const where = listening.join(" and ");
      this.#tell("info", "listening", `${name} is on ${where}, and leads to ${endpoint} as ${identity}`, {
        instance: name,
        listening: where,
        endpoint,
        identity,
      });
      this.#warnOfOpenDoors(options);
      const plan = this.#plan.instances.find((one) => one.name === name);
      for (const hint of plan?.connection.hints ?? [])
        this.#tell("info", "hint", hint.replace(/\.$/, ""), { instance: name });
    }
  }

  #warnOfOpenDoors({ name, listen, clientPassword }: InstanceOptions): void {
    if (clientPassword !== undefined) return;
    for (const address of listen) {
      if (address.kind !== "tcp" || isLoopback(address.host)) continue;
      this.#tell(
        "warn",
        "open",
        `${name} listens on ${listenLabel(address)}: whoever reaches that is in the cache without a password; --require-pass-file asks for one`,
        { instance: name, listening: listenLabel(address) },
      );
    }
  }

  /** Reads everything again. What cannot be used changes nothing. */
  async #reload(proxy: RunningProxy): Promise<void> {
    if (this.#session.stop.signal.aborted) return;
    await this.#manager.reloading();
    try {
      await this.#change(proxy, this.#read());
    } catch (error) {
      this.#tell(
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
      void this.#closeUnneeded(this.#instances.retain(before.instances));
      throw error;
    }
    this.#tellChange(before, plan);
    this.#announce(proxy, fresh);
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

  #tellChange(before: ProxyPlan, after: ProxyPlan): void {
    const names = (plan: ProxyPlan): string[] => plan.instances.map(({ name }) => name);
    const isKnown = (fingerprint: string): boolean =>
      before.instances.some((one) => one.fingerprint === fingerprint);
    const changed = after.instances
      .filter(({ fingerprint }) => !isKnown(fingerprint))
      .map(({ name }) => name);
    const gone = names(before).filter((name) => !names(after).includes(name));
    const isNothing = changed.length === 0 && gone.length === 0;
    this.#tell(
      "info",
      "reloaded",
      `The configuration is read anew: ${isNothing ? "the instances are the same" : `${changed.join(", ") || "nothing"} new or changed, ${gone.join(", ") || "nothing"} gone`}`,
      { changed: changed.join(" "), gone: gone.join(" ") },
    );
    const lasting = lastingChanges(before, after);
    if (lasting.length > 0)
      this.#tell(
        "warn",
        "restartNeeded",
        `What has changed in ${lasting.join(", ")} holds from the next start on`,
      );
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
      this.#tell(
        "warn",
        "cut",
        `${cut} ${cut === 1 ? "client" : "clients"} had not finished, and ${cut === 1 ? "was" : "were"} cut off`,
        { clients: cut },
      );
  }

  #summary(): string {
    return `serves ${this.#plan.instances.map(({ name }) => name).join(", ")}`;
  }

  #tell(
    level: Notice["level"],
    event: string,
    text: string,
    fields: NoticeFields = {},
    error?: unknown,
  ): void {
    const trouble = error === undefined ? {} : { trouble: troubleOf(error) };
    this.#log.tell({ level, event, atMs: Date.now(), text, fields, ...trouble, key: `${event} ${text}` });
  }
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Settings of the process itself, which a reload does not reach. */
function lastingChanges({ common: before }: ProxyPlan, { common: after }: ProxyPlan): string[] {
  const names = new Set([...before.names, ...after.names]);
  const taken = new Set([...INSTANCE_SETTINGS, "min-drain", "max-drain", "config", "instances"]);
  return [...names].filter((name) => !taken.has(name) && before.text(name) !== after.text(name)).sort();
}
