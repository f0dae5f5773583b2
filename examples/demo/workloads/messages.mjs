import { setTimeout as sleep } from "node:timers/promises";
import { cutOff, Tally } from "../tally.mjs";
import { count } from "../view/style.mjs";
import { Loop } from "./loop.mjs";

const CHANNEL = "demo:messages";

/** How long the last messages may travel, in milliseconds. */
const ARRIVAL_MS = 1_000;

/** Numbered messages to two subscribers: each must hear every number, once and in order. */
export class Messages {
  /** When each message was sent, by its number. @type {number[]} */
  #sentAtMs = [];
  #loop;

  /**
   * @param {import("../stage.mjs").Stage} stage
   * @param {import("../restart-window.mjs").RestartWindow} restart
   */
  constructor(stage, restart) {
    this.#loop = new Loop(stage.curtain.signal);
    this.publisher = stage.client();
    this.tally = new Tally("PUBLISH", restart);
    this.subscribers = [
      { client: stage.client({ RESP: 3 }), tally: new Tally("subscriber, RESP3", restart), last: -1 },
      { client: stage.attachedClient({ RESP: 2 }), tally: new Tally("subscriber, RESP2", restart), last: -1 },
    ];
    this.tallies = [this.tally, ...this.subscribers.map(({ tally }) => tally)];
  }

  async start() {
    for (const subscriber of this.subscribers) {
      await subscriber.client.subscribe(CHANNEL, (message) => this.#receive(subscriber, Number(message)));
    }
    this.#loop.start(() => this.#publish(), 5);
  }

  async stop() {
    await this.#loop.stop();
    const deadlineMs = Date.now() + ARRIVAL_MS;
    const isDone = () => this.subscribers.every(({ last }) => last === this.#sentAtMs.length - 1);
    while (!isDone() && Date.now() < deadlineMs) await sleep(20);
    for (const subscriber of this.subscribers) this.#skipTo(subscriber, this.#sentAtMs.length);
  }

  /** @param {number} sinceMs */
  isBackSince(sinceMs) {
    return this.tallies.every(({ lastDoneAtMs }) => lastDoneAtMs > sinceMs);
  }

  async #publish() {
    const beganAtMs = Date.now();
    const number = this.#sentAtMs.push(beganAtMs) - 1;
    try {
      await this.publisher.publish(CHANNEL, String(number));
      this.tally.count();
    } catch (error) {
      this.tally.fail(error, beganAtMs);
    }
  }

  /**
   * @param {(typeof this.subscribers)[number]} subscriber
   * @param {number} number
   */
  #receive(subscriber, number) {
    if (number <= subscriber.last) {
      subscriber.tally.wrong += 1;
      return;
    }
    this.#skipTo(subscriber, number);
    subscriber.last = number;
    subscriber.tally.count();
  }

  /**
   * Redis keeps no messages for those who are not there: what was published while it restarted counts apart.
   *
   * @param {(typeof this.subscribers)[number]} subscriber
   * @param {number} number the next one that was heard
   */
  #skipTo({ tally, last }, number) {
    for (const sentAtMs of this.#sentAtMs.slice(last + 1, number)) {
      if (tally.restart.includes(sentAtMs)) tally.interrupted += 1;
      else tally.missed += 1;
    }
  }

  /** @returns {Promise<import("../checks.mjs").Check[]>} */
  async verify() {
    return this.subscribers.map(({ tally }) => ({
      isMet: tally.missed + tally.wrong === 0,
      claim: `${tally.label}: every message`,
      observed: `${count(this.#sentAtMs.length)} sent, ${count(tally.done)} heard${cutOff(tally.interrupted)}`,
    }));
  }
}
