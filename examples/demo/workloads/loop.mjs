import { setTimeout as sleep } from "node:timers/promises";

/** Repeats a step until stopped; a step counts its own failures. */
export class Loop {
  #isStopping = false;
  #running = Promise.resolve();
  #curtain;

  /** @param {AbortSignal} curtain ends it without anybody waiting */
  constructor(curtain) {
    this.#curtain = curtain;
  }

  /**
   * @param {() => Promise<void>} step
   * @param {number} pauseMs
   */
  start(step, pauseMs) {
    this.#running = this.#run(step, pauseMs);
  }

  /** Resolves when the last step has ended. */
  async stop() {
    this.#isStopping = true;
    await this.#running;
  }

  /**
   * @param {() => Promise<void>} step
   * @param {number} pauseMs
   */
  async #run(step, pauseMs) {
    while (!this.#isStopping && !this.#curtain.aborted) {
      await step();
      await sleep(pauseMs);
    }
  }
}
