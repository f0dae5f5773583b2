import type { Clock } from "../core/clock.js";
import type { Token } from "../core/token.js";
import { duration } from "../explain/duration.js";
import { explain } from "../explain/explain.js";
import { type Reply, ReplyError } from "../inband/reply.js";
import type { Identity } from "../reauth/identity.js";
import type { WatchEvent, WatchReport } from "./report.js";
import { type Failure, oneLine } from "./steps.js";

/** What happens to an identity and to one connection of it, and the sums. */
export class RotationLog {
  readonly events: WatchEvent[] = [];
  readonly failures: Failure[] = [];
  readonly #clock: Clock;
  readonly #onEvent: ((event: WatchEvent) => void) | undefined;
  #token: Token | undefined;
  #connectionId: number | undefined;
  #rotations = 0;
  #reauthentications = 0;
  #tightestMs: number | undefined;
  #answered = 0;
  #failed = 0;
  #longestMs = 0;

  constructor(clock: Clock, onEvent?: (event: WatchEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** Nothing has gone wrong so far. */
  get isClean(): boolean {
    return this.failures.length === 0;
  }

  get figures(): Pick<
    WatchReport,
    "rotations" | "reauthentications" | "tightestMs" | "commands" | "connectionId"
  > {
    return {
      rotations: this.#rotations,
      reauthentications: this.#reauthentications,
      tightestMs: this.#tightestMs,
      commands: { answered: this.#answered, failed: this.#failed, longestMs: this.#longestMs },
      connectionId: this.#connectionId,
    };
  }

  follow(identity: Identity): void {
    identity.on("tokenRefreshed", ({ token }) => {
      // The first one is there before the connection is.
      if (this.#token === undefined) return;
      this.#rotations += 1;
      this.#tell("tokenRefreshed", `a new token, which ends in ${this.#leftOf(token)}`, token.toJSON());
    });
    identity.on("reauthenticated", ({ token }) => this.#reauthenticated(token));
    identity.on("refreshFailing", ({ error, attempt }) =>
      this.failed("refreshFailing", `no new token (attempt ${attempt})`, error),
    );
    identity.on("reauthenticationFailing", ({ error, attempt }) =>
      this.failed("reauthenticationFailing", `the new token is not accepted (attempt ${attempt})`, error),
    );
    identity.on("recovered", ({ failures, outageMs }) =>
      this.#tell("recovered", `a token again, after ${failures} failures`, { failures, outageMs }),
    );
    identity.on("tokenExpired", ({ expiredAtMs }) =>
      this.#tell("tokenExpired", "the token has ended before the next one came", { expiredAtMs }),
    );
  }

  connected(label: string, token: Token, id: Reply): void {
    this.#token = token;
    this.#connectionId = typeof id === "number" ? id : undefined;
    const facts = { ...token.toJSON(), connectionId: this.#connectionId };
    this.#tell(
      "connected",
      `logged in to ${label} as ${token.username}; the token ends in ${this.#leftOf(token)}`,
      facts,
    );
  }

  answered(tookMs: number): void {
    this.#answered += 1;
    this.#longestMs = Math.max(this.#longestMs, tookMs);
  }

  survived(id: Reply): void {
    const isSame = id instanceof ReplyError || id === this.#connectionId;
    this.#tell("survived", "the first token has ended, and the same connection answers", {
      isSameConnection: isSame,
    });
  }

  /** Something that went wrong, with its explanation where there is one. */
  failed(name: WatchEvent["name"], what: string, error: unknown): void {
    if (name === "disconnected") this.#failed += 1;
    this.failures.push({ step: "reauthentication", error, severity: "error", facts: {} });
    const found = explain(error);
    const why = found === undefined ? oneLine(error) : `${found.meaning}. ${found.remedy}`;
    this.#tell(name, `${what}: ${why}`, found === undefined ? {} : { code: found.code, rule: found.rule });
  }

  #reauthenticated(token: Token): void {
    this.#reauthentications += 1;
    const leftMs = this.#token === undefined ? undefined : this.#token.expiresAtMs - this.#clock.now();
    if (leftMs !== undefined) this.#tightestMs = Math.min(leftMs, this.#tightestMs ?? leftMs);
    this.#token = token;
    const margin = leftMs === undefined ? "" : `, ${duration(leftMs)} before the old token's end`;
    this.#tell("reauthenticated", `logged in again on the same connection${margin}`, { leftMs });
  }

  #leftOf(token: Token): string {
    return duration(token.expiresAtMs - this.#clock.now());
  }

  #tell(name: WatchEvent["name"], summary: string, facts: Readonly<Record<string, unknown>>): void {
    const event = { atMs: this.#clock.now(), name, summary, facts };
    this.events.push(event);
    this.#onEvent?.(event);
  }
}
