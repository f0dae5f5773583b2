import { PasswordlessError } from "../../core/errors.js";
import { sanitiseCause } from "../../core/sanitise.js";
import { Token } from "../../core/token.js";
import type { ProxyEvents } from "../events.js";
import type { Notice } from "../logs/index.js";
import type { ProxyStatus } from "../status.js";

/** What a worker tells the process that has started it. Between them go facts: never a token's own text. */
export type WorkerMessage =
  | { readonly type: "event"; readonly name: keyof ProxyEvents; readonly payload: unknown }
  | { readonly type: "notice"; readonly notice: Notice }
  | { readonly type: "status"; readonly status: unknown }
  /** Everything listens, and what was to be tested is tested. */
  | { readonly type: "ready" };

/** Marks what structured cloning would take the class, and with it half of the facts, from. */
const KIND = "redis-passwordless.kind";

/** Makes plain data of a status or an event. */
export function encode(value: unknown): unknown {
  if (PasswordlessError.is(value)) {
    const { code, observed, remedy, rule, retryable, details } = value;
    return { [KIND]: "passwordlessError", code, message: observed, remedy, rule, retryable, details };
  }
  if (value instanceof Error)
    return { [KIND]: "error", message: sanitiseCause(value)?.message ?? "(no message)" };
  if (value instanceof Token) {
    const { username, receivedAtMs, expiresAtMs, refreshAtMs, details } = value;
    return { [KIND]: "token", username, receivedAtMs, expiresAtMs, refreshAtMs, details };
  }
  if (Array.isArray(value)) return value.map((one) => encode(one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, encode(one)]));
}

/** Makes the objects again that {@link encode} was given; a token has no text of its own any more. */
export class Decoder {
  /** The newest ones: who counts by a token wants the same object for the same one. */
  readonly #tokens = new Map<string, Token>();

  readonly #worker: number;

  /** @param worker its number, from 1 */
  constructor(worker: number) {
    this.#worker = worker;
  }

  status(value: unknown): ProxyStatus {
    const status = this.#decode(value) as ProxyStatus;
    return {
      ...status,
      instances: status.instances.map((one) => ({ ...one, identity: this.#named(one.identity) })),
      identities: status.identities.map((one) => ({ ...one, description: this.#named(one.description) })),
    };
  }

  payload<Name extends keyof ProxyEvents>(_name: Name, value: unknown): ProxyEvents[Name] {
    const payload = this.#decode(value) as ProxyEvents[Name];
    return "identity" in payload ? { ...payload, identity: this.#named(payload.identity) } : payload;
  }

  /** Each worker has a token of its own. */
  #named(identity: string): string {
    return `${identity} (worker ${this.#worker})`;
  }

  #decode(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((one) => this.#decode(one));
    if (typeof value !== "object" || value === null) return value;
    const { [KIND]: kind, ...facts } = value as Record<string, unknown>;
    if (kind === "token") return this.#token(facts as unknown as ConstructorParameters<typeof Token>[1]);
    if (kind === "error") return new Error(String(facts["message"]));
    if (kind === "passwordlessError") {
      const { code, ...init } = facts as unknown as PasswordlessErrorFacts;
      return new PasswordlessError(code, init);
    }
    return Object.fromEntries(Object.entries(facts).map(([name, one]) => [name, this.#decode(one)]));
  }

  #token(facts: ConstructorParameters<typeof Token>[1]): Token {
    const key = `${facts.username} ${facts.receivedAtMs} ${facts.expiresAtMs}`;
    const known = this.#tokens.get(key);
    if (known !== undefined) return known;
    const token = new Token("", facts);
    this.#tokens.set(key, token);
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MOST_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    return token;
  }
}

const MOST_TOKENS = 32;

type PasswordlessErrorFacts = ConstructorParameters<typeof PasswordlessError>[1] & {
  readonly code: PasswordlessError["code"];
};
