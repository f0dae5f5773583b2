import type { ServerResponse } from "node:http";
import type { LiveParts } from "./page/page.js";

/** Pages that are open at the same time. */
const MOST_STREAMS = 16;

/** Figures change all the time; they are looked at this often, in milliseconds. */
const TICK_MS = 1_000;

/** What has just happened is shown after this long, with whatever else happens in that time. */
const SOON_MS = 100;

/** Sends what has changed to the pages that are open: server-sent events. Without one it does nothing. */
export class EventStreams {
  readonly #parts: () => LiveParts;
  /** What each has. */
  readonly #streams = new Map<ServerResponse, Map<string, string>>();
  #tick: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;

  constructor(parts: () => LiveParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.#streams.size >= MOST_STREAMS;
  }

  /** Takes over a response whose head is set. */
  add(response: ServerResponse): void {
    this.#streams.set(response, new Map());
    response.once("close", () => this.#remove(response));
    response.flushHeaders();
    // Browsers come back after this many milliseconds.
    response.write("retry: 2000\n\n");
    this.#tick ??= setInterval(() => this.#send(), TICK_MS).unref();
    this.#send();
  }

  /** Something has happened that pages show. */
  wake(): void {
    if (this.#streams.size === 0) return;
    this.#soon ??= setTimeout(() => this.#send(), SOON_MS).unref();
  }

  #send(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    if (this.#streams.size === 0) return;
    let parts: [string, string][];
    try {
      parts = Object.entries(this.#parts());
    } catch {
      // Pages show what was last known, and the health checks say that something is broken.
      return;
    }
    for (const [response, sent] of this.#streams) {
      // A slow reader has time to read what it has, and gets the newest then; one that reads nothing is let go by the
      // server's bound on idle connections.
      if (response.writableNeedDrain) continue;
      const changed = parts.filter(([id, html]) => sent.get(id) !== html);
      for (const [id, html] of changed) sent.set(id, html);
      // JSON has no line ends, so it is one line of data.
      response.write(`event: parts\ndata: ${JSON.stringify(Object.fromEntries(changed))}\n\n`);
    }
  }

  #remove(response: ServerResponse): void {
    this.#streams.delete(response);
    if (this.#streams.size > 0) return;
    clearInterval(this.#tick);
    clearTimeout(this.#soon);
    this.#tick = undefined;
    this.#soon = undefined;
  }

  /** Sends the last, and ends. */
  close(): void {
    this.#send();
    for (const response of this.#streams.keys()) response.end();
  }
}
