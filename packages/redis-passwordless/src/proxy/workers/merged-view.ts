import { Events, type Listener } from "../../core/events.js";
import type { ProxyEvents, ProxyState } from "../events.js";
import type { InstanceCounters, InstanceStatus, ProxyStatus } from "../status.js";
import type { ProxyView } from "../view.js";

/** Several workers as the one proxy that they are for everybody else. */
export class MergedView implements ProxyView {
  readonly #events = new Events<ProxyEvents>();
  readonly #statuses = new Map<number, ProxyStatus>();
  /** What workers have counted that are no more, by instance: whoever adds it up expects sums that only grow. */
  readonly #past = new Map<string, InstanceCounters>();
  readonly #startedAtMs = Date.now();
  #state: ProxyState = "starting";

  /** What a worker is doing. */
  update(worker: number, status: ProxyStatus): void {
    this.#statuses.set(worker, status);
  }

  /** The worker is no more. */
  forget(worker: number): void {
    for (const { name, counters } of this.#statuses.get(worker)?.instances ?? []) {
      const past = this.#past.get(name);
      const last = { ...counters, openClients: 0, openUpstreams: 0 };
      this.#past.set(name, past === undefined ? last : summed(past, last));
    }
    this.#statuses.delete(worker);
  }

  /** Tells everybody what has happened in a worker. */
  emit<Name extends keyof ProxyEvents>(name: Name, payload: ProxyEvents[Name]): void {
    this.#events.emit(name, payload);
  }

  enter(state: ProxyState): void {
    this.#state = state;
    this.#events.emit("stateChanged", { state });
  }

  status(): ProxyStatus {
    const all = [...this.#statuses.values()];
    return {
      state: this.#state,
      startedAtMs: this.#startedAtMs,
      instances: merged(all.flatMap(({ instances }) => instances)).map((one) => this.#withPast(one)),
      identities: all.flatMap(({ identities }) => identities),
    };
  }

  #withPast(one: InstanceStatus): InstanceStatus {
    const past = this.#past.get(one.name);
    return past === undefined ? one : { ...one, counters: summed(one.counters, past) };
  }

  on<Name extends keyof ProxyEvents>(name: Name, listener: Listener<ProxyEvents[Name]>): Disposable {
    return this.#events.on(name, listener);
  }
}

function merged(all: readonly InstanceStatus[]): InstanceStatus[] {
  const found = new Map<string, InstanceStatus>();
  for (const one of all) {
    const before = found.get(one.name);
    found.set(one.name, before === undefined ? one : mergedInstance(before, one));
  }
  return [...found.values()];
}

function mergedInstance(one: InstanceStatus, other: InstanceStatus): InstanceStatus {
  const last = Math.max(one.lastConnectedAtMs ?? 0, other.lastConnectedAtMs ?? 0);
  const [failure] = [one.lastFailure, other.lastFailure]
    .flatMap((failure) => failure ?? [])
    .sort((a, b) => b.atMs - a.atMs);
  return {
    ...one,
    listening: [...new Set([...one.listening, ...other.listening])],
    nodes: one.nodes === undefined ? other.nodes : [...one.nodes, ...(other.nodes ?? [])],
    counters: summed(one.counters, other.counters),
    maxClients:
      one.maxClients === undefined || other.maxClients === undefined
        ? undefined
        : one.maxClients + other.maxClients,
    idleClients: one.idleClients + other.idleClients,
    spareUpstreams: one.spareUpstreams + other.spareUpstreams,
    lastConnectedAtMs: last === 0 ? undefined : last,
    // What one worker can reach, the others can; who has failed before that is out of date.
    lastFailure: failure === undefined || failure.atMs < last ? undefined : failure,
  };
}

function summed<T extends object>(one: T, other: T): T {
  const entries = Object.entries(one) as [keyof T & string, number][];
  return Object.fromEntries(entries.map(([name, value]) => [name, value + (other[name] as number)])) as T;
}
