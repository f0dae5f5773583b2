import { setTimeout as sleep } from "node:timers/promises";
import { cutOff, Tally } from "../tally.mjs";
import { count } from "../view/style.mjs";
import { Loop } from "./loop.mjs";

/** How long the last elements may travel, in milliseconds. */
const ARRIVAL_MS = 1_000;

/** A worker that blocks for ever on a queue of numbered elements: each must arrive once and in order. */
export class Queue {
  /** Numbers whose RPUSH was acknowledged. @type {number[]} */
  #pushed = [];
  /** @type {Set<number>} */
  #popped = new Set();
  #next = 0;
  #pause;
  #producing;
  #consuming;

  /**
   * @param {import("../stage.mjs").Stage} stage
   * @param {import("../restart-window.mjs").RestartWindow} restart
   * @param {{ label: string, key: string, everyMs: number }} init
   */
  constructor(stage, restart, { label, key, everyMs }) {
    this.tally = new Tally(label, restart);
    this.tallies = [this.tally];
    this.key = key;
    this.everyMs = everyMs;
    this.producer = stage.client();
    this.consumer = stage.attachedClient();
    this.pauses = new AbortController();
    this.#producing = new Loop(stage.curtain.signal);
    this.#consuming = new Loop(stage.curtain.signal);
    this.#pause = AbortSignal.any([this.pauses.signal, stage.curtain.signal]);
  }

  async start() {
    this.#consuming.start(() => this.#pop(), 0);
    this.#producing.start(() => this.#push(), 0);
  }

  async stop() {
    this.pauses.abort();
    await this.#producing.stop();
    const deadlineMs = Date.now() + ARRIVAL_MS;
    while (this.#missing().length > 0 && Date.now() < deadlineMs) await sleep(20);
    const stopped = this.#consuming.stop();
    // The worker still blocks: one more element lets it go home.
    await this.producer.rPush(this.key, "stop");
    await stopped;
  }

  /** @param {number} sinceMs */
  isBackSince(sinceMs) {
    // Its next element may be a long time coming; that its connection is back is all there is to see.
    return this.consumer.isReady && this.producer.isReady && Date.now() > sinceMs;
  }

  async #push() {
    await sleep(this.everyMs, undefined, { signal: this.#pause }).catch(() => {});
    const beganAtMs = Date.now();
    const number = this.#next++;
    try {
      await this.producer.rPush(this.key, String(number));
      this.#pushed.push(number);
    } catch (error) {
      this.tally.fail(error, beganAtMs);
    }
  }

  async #pop() {
    const beganAtMs = Date.now();
    try {
      const popped = await this.consumer.blPop(this.key, 0);
      if (popped?.element === "stop") return;
      this.#accept(Number(popped?.element ?? "nothing"));
    } catch (error) {
      this.tally.fail(error, beganAtMs);
      await sleep(50);
    }
  }

  /** @param {number} number */
  #accept(number) {
    if (Number.isNaN(number) || this.#popped.has(number)) {
      this.tally.wrong += 1;
      return;
    }
    this.#popped.add(number);
    this.tally.count();
  }

  #missing() {
    return this.#pushed.filter((number) => !this.#popped.has(number));
  }

  /** @returns {Promise<import("../checks.mjs").Check[]>} */
  async verify() {
    // An element that Redis had taken off the list when it was stopped may have died with its connection.
    const missing = this.#missing().length;
    const excused = Math.min(missing, this.tally.interrupted);
    this.tally.lost = missing - excused;
    return [
      {
        isMet: this.tally.lost + this.tally.wrong === 0,
        claim: `${this.tally.label}: every element`,
        observed: `${count(this.#pushed.length)} pushed, ${count(this.#popped.size)} popped${cutOff(excused)}`,
      },
    ];
  }
}
