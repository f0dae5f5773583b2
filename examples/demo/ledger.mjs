import { cutOff } from "./tally.mjs";
import { count } from "./view/style.mjs";

/**
 * Follows one counter from the answers to its increments: each must be one more than the one before. Only an
 * increment that was cut off leaves open whether Redis applied it.
 */
export class Ledger {
  acknowledged = 0;
  /** The counter as last heard. */
  #value = 0;
  /** Increments since then without an answer. */
  #unknown = 0;
  /** Increments without an answer that turned out to be applied. */
  #applied = 0;

  /** An increment has not been answered. */
  leaveOpen() {
    this.#unknown += 1;
  }

  /**
   * Takes an answer; returns whether it can be right.
   *
   * @param {number} value
   */
  accept(value) {
    const isRight = this.#explains(value - 1);
    this.#applied += Math.max(0, value - 1 - this.#value);
    this.#value = value;
    this.#unknown = 0;
    this.acknowledged += 1;
    return isRight;
  }

  /**
   * Whether the server's counter is what the answers make of it.
   *
   * @param {number} value
   */
  agreesWith(value) {
    return this.#explains(value) && this.#value === this.acknowledged + this.#applied;
  }

  /** @param {number} value */
  #explains(value) {
    return value >= this.#value && value <= this.#value + this.#unknown;
  }
}

/**
 * Says what the answers promised and what the server has: an increment that was cut off may have been applied.
 *
 * @param {number} acknowledged
 * @param {number} onServer
 */
export function applied(acknowledged, onServer) {
  return `${count(acknowledged)} answered, ${count(onServer)} applied${cutOff(onServer - acknowledged)}`;
}
