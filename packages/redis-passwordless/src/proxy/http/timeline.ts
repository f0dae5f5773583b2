import { type Clock, systemClock } from "../../core/clock.js";
import type { Notice } from "../logs/index.js";
import { tellNotices } from "../logs/tell-notices.js";
import type { ProxyView } from "../view.js";

/** Entries that are kept; the oldest go first. */
const MOST_ENTRIES = 200;

/** Tokens that are kept of each identity. */
const MOST_TOKENS = 6;

/** A failure that comes again within this time is counted, in milliseconds. */
const AGAIN_MS = 60_000;

/** One thing that has happened, as often as it has. */
export interface TimelineEntry {
  /** Counts up. */
  readonly id: number;
  /** The last time. */
  readonly notice: Notice;
  readonly firstAtMs: number;
  readonly times: number;
}

/** From when to when a token may be used, in epoch milliseconds. */
export interface TokenSpan {
  readonly receivedAtMs: number;
  readonly expiresAtMs: number;
}

/** What has happened in a proxy of late, and the last tokens of each identity. Its size is bounded. */
export class Timeline implements Disposable {
  readonly #entries: TimelineEntry[] = [];
  readonly #tokens = new Map<string, TokenSpan[]>();
  readonly #listeners: readonly Disposable[];
  readonly #onChange: () => void;
  #count = 0;

  constructor(view: ProxyView, onChange: () => void, clock: Clock = systemClock) {
    this.#onChange = onChange;
    for (const { description, issuedAtMs, expiresAtMs } of view.status().identities) {
      if (issuedAtMs !== undefined && expiresAtMs !== undefined) {
        this.#addToken(description, { receivedAtMs: issuedAtMs, expiresAtMs });
      }
    }
    this.#listeners = [
      view.on("tokenRefreshed", ({ identity, token }) => this.#addToken(identity, token)),
      tellNotices(view, (notice) => this.#add(notice), false, clock),
    ];
  }

  /** The newest first. */
  get entries(): readonly TimelineEntry[] {
    return this.#entries.toReversed();
  }

  /** The tokens of an identity, the oldest first. */
  tokensOf(identity: string): readonly TokenSpan[] {
    return this.#tokens.get(identity) ?? [];
  }

  #add(notice: Notice): void {
    if (notice.level === "debug") return;
    const index = this.#entries.findLastIndex(({ notice: { key } }) => key === notice.key);
    const before = this.#entries[index];
    if (before !== undefined && isAgain(before, notice)) {
      this.#entries.splice(index, 1);
      this.#entries.push({ ...before, notice, times: before.times + 1 });
    } else {
      this.#count += 1;
      this.#entries.push({ id: this.#count, notice, firstAtMs: notice.atMs, times: 1 });
      if (this.#entries.length > MOST_ENTRIES) this.#entries.shift();
    }
    this.#onChange();
  }

  #addToken(identity: string, { receivedAtMs, expiresAtMs }: TokenSpan): void {
    const tokens = [...this.tokensOf(identity), { receivedAtMs, expiresAtMs }];
    this.#tokens.set(identity, tokens.slice(-MOST_TOKENS));
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
  }
}

function isAgain({ notice: { level, atMs } }: TimelineEntry, next: Notice): boolean {
  return level !== "info" && level === next.level && next.atMs - atMs <= AGAIN_MS;
}
