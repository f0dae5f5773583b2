import type { Clock } from "../../core/clock.js";
import type { Recipient } from "./recipient.js";

/** Who has kept nobody waiting for this long begins anew, in milliseconds. */
const FORGIVEN_AFTER_MS = 10_000;

interface Account {
  spentMs: number;
  lastMs: number;
}

/**
 * How long a connection stands still for one who does not read. Each has so much time in all, so that one who reads
 * slowly, in many steps, does not hold up the others for ever either.
 */
export class Patience {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #flow: { stop(): void; go(): void };
  readonly #accounts = new WeakMap<Recipient, Account>();
  readonly #holding = new Map<Recipient, Disposable>();
  #isOver = false;

  constructor(clock: Clock, limitMs: number, flow: { stop(): void; go(): void }) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#flow = flow;
  }

  get isHolding(): boolean {
    return this.#holding.size > 0;
  }

  /** Stands still until this recipient can take more, or has been waited for long enough. */
  waitFor(recipient: Recipient, room: Promise<void>): void {
    if (this.#isOver || this.#holding.has(recipient)) return;
    const nowMs = this.#clock.now();
    const account = this.#accounts.get(recipient) ?? { spentMs: 0, lastMs: nowMs };
    if (nowMs - account.lastMs > FORGIVEN_AFTER_MS) account.spentMs = 0;
    this.#accounts.set(recipient, account);
    const settle = (): void => {
      const plan = this.#holding.get(recipient);
      if (plan === undefined) return;
      plan[Symbol.dispose]();
      this.#holding.delete(recipient);
      account.lastMs = this.#clock.now();
      account.spentMs += account.lastMs - nowMs;
      if (this.#holding.size === 0 && !this.#isOver) this.#flow.go();
    };
    const plan = this.#clock.schedule(() => {
      recipient.giveUp();
      settle();
    }, this.#limitMs - account.spentMs);
    this.#holding.set(recipient, plan);
    this.#flow.stop();
    void room.then(settle);
  }

  /** Nothing is read any more. */
  end(): void {
    this.#isOver = true;
    for (const plan of this.#holding.values()) plan[Symbol.dispose]();
    this.#holding.clear();
  }
}
