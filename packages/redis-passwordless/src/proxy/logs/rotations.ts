import { type Clock, systemClock } from "../../core/clock.js";
import type { Token } from "../../core/token.js";
import type { ProxyView } from "../view.js";
import type { Notice } from "./notice.js";

/** A sum is told at the latest this long after its token came: twice the time over which connections log in again. */
const LONGEST_ROTATION_MS = 60_000;

interface Rotation {
  readonly identity: string;
  readonly instances: ReadonlySet<string>;
  readonly startedAtMs: number;
  /** Connections that were open when the token came. */
  readonly expected: number;
  readonly deadline: Disposable;
  count: number;
  failedAttempts: number;
}

/**
 * Sums up the logins of live connections with each new token: a proxy has thousands of connections, and one line for
 * all of them says more than one line for each.
 */
export class Rotations implements Disposable {
  readonly #view: ProxyView;
  readonly #tell: (notice: Notice) => void;
  readonly #clock: Clock;
  readonly #open = new Map<Token, Rotation>();
  readonly #listeners: readonly Disposable[];

  constructor(view: ProxyView, tell: (notice: Notice) => void, clock: Clock = systemClock) {
    this.#view = view;
    this.#tell = tell;
    this.#clock = clock;
    this.#listeners = [
      view.on("tokenRefreshed", ({ identity, token }) => this.#begin(identity, token)),
      view.on("reauthenticated", ({ token }) => this.#count(token)),
      view.on("reauthenticationFailing", ({ instance }) => this.#countFailure(instance)),
    ];
  }

  #begin(identity: string, token: Token): void {
    for (const [old, rotation] of this.#open) if (rotation.identity === identity) this.#end(old);
    const { identities, instances } = this.#view.status();
    const expected = identities.find(({ description }) => description === identity)?.connections ?? 0;
    if (expected === 0) return;
    this.#open.set(token, {
      identity,
      instances: new Set(instances.filter((one) => one.identity === identity).map(({ name }) => name)),
      startedAtMs: this.#clock.now(),
      expected,
      deadline: this.#clock.schedule(() => this.#end(token), LONGEST_ROTATION_MS),
      count: 0,
      failedAttempts: 0,
    });
  }

  #count(token: Token): void {
    const rotation = this.#open.get(token);
    if (rotation === undefined) return;
    rotation.count += 1;
    if (rotation.count === rotation.expected) this.#end(token);
  }

  #countFailure(instance: string): void {
    for (const rotation of this.#open.values()) {
      if (rotation.instances.has(instance)) rotation.failedAttempts += 1;
    }
  }

  #end(token: Token): void {
    const rotation = this.#open.get(token);
    if (rotation === undefined) return;
    this.#open.delete(token);
    rotation.deadline[Symbol.dispose]();
    // All of them may have ended meanwhile: nothing has happened then.
    if (rotation.count > 0 || rotation.failedAttempts > 0) {
      this.#tell(rotationNotice(rotation, this.#clock.now()));
    }
  }

  /** Tells what has been summed up so far. */
  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    for (const token of this.#open.keys()) this.#end(token);
  }
}

function rotationNotice(
  { identity, startedAtMs, expected, count, failedAttempts }: Rotation,
  nowMs: number,
): Notice {
  const tookMs = Math.round(nowMs - startedAtMs);
  const of = count < expected ? `${count} of ${expected}` : `${count}`;
  const connections = expected === 1 ? "connection has" : "connections have";
  const failures =
    failedAttempts === 0
      ? ""
      : `; ${failedAttempts} failed ${failedAttempts === 1 ? "attempt" : "attempts"}, each made again`;
  return {
    level: failedAttempts === 0 ? "info" : "warn",
    event: "rotation",
    atMs: nowMs,
    text: `${of} ${connections} logged in with the new token, within ${(tookMs / 1_000).toFixed(1)} s${failures}`,
    fields: { identity, connections: count, expected, failedAttempts, tookMs },
    key: `rotation ${identity}`,
  };
}
