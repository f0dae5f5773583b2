/**
 * @typedef {object} Entry
 * @property {number} atMs since the start of the demo
 * @property {"plain" | "good" | "trouble" | "bad"} mood
 * @property {string} text
 */

/** What happened, in order, for whoever watches. */
export class Journal {
  #startedAtMs = Date.now();
  /** @type {Entry[]} */
  entries = [];
  /** @type {(entry: Entry) => void} */
  onEntry = () => {};

  /** Since the start, in milliseconds. */
  get elapsedMs() {
    return Date.now() - this.#startedAtMs;
  }

  /**
   * @param {string} text
   * @param {Entry["mood"]} [mood]
   */
  write(text, mood = "plain") {
    const entry = { atMs: this.elapsedMs, mood, text };
    this.entries.push(entry);
    this.onEntry(entry);
  }
}
