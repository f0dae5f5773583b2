import { count } from "./view/style.mjs";

/** @typedef {import("./restart-window.mjs").RestartWindow} RestartWindow */

/**
 * How many were cut off, if any, as the end of a sentence.
 *
 * @param {number} interrupted
 */
export function cutOff(interrupted) {
  return interrupted > 0 ? `, ${count(interrupted)} cut off` : "";
}

/** What happened to one stream of work. Everything but `done` and `interrupted` should stay zero. */
export class Tally {
  done = 0;
  /** Failed, although Redis was there. */
  failed = 0;
  /** Messages that a subscriber should have heard, and did not. */
  missed = 0;
  /** Acknowledged, and not there. */
  lost = 0;
  /** Applied or delivered twice, or an answer that belongs to somebody else. */
  wrong = 0;
  /** Cut off by the restart of Redis: expected. */
  interrupted = 0;
  lastDoneAtMs = 0;
  /** The first reasons for what failed. @type {string[]} */
  reasons = [];

  /**
   * @param {string} label
   * @param {RestartWindow} restart
   */
  constructor(label, restart) {
    this.label = label;
    this.restart = restart;
  }

  count() {
    this.done += 1;
    this.lastDoneAtMs = Date.now();
  }

  /**
   * @param {unknown} error
   * @param {number} beganAtMs when it was asked for, in epoch milliseconds
   */
  fail(error, beganAtMs) {
    if (this.restart.excuses(beganAtMs)) {
      this.interrupted += 1;
      return;
    }
    this.failed += 1;
    this.note(error instanceof Error ? error.message : String(error));
  }

  /** @param {string} reason */
  note(reason) {
    if (this.reasons.length < 3) this.reasons.push(`${this.label}: ${reason}`);
  }

  get bad() {
    return this.failed + this.missed + this.lost + this.wrong;
  }
}
