/**
 * Every code that a {@link PasswordlessError} can carry. A code covers one situation and is part of semver;
 * `docs/errors.md` has a heading for each.
 */
export type ErrorCode =
  | "ERR_PASSWORDLESS_INVALID_OPTION"
  | "ERR_PASSWORDLESS_CLOSED"
  | "ERR_PASSWORDLESS_ABORTED"
  | "ERR_PASSWORDLESS_TOKEN_WAIT_TIMEOUT"
  | "ERR_PASSWORDLESS_TOKEN_REQUEST_FAILED"
  | "ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT"
  | "ERR_PASSWORDLESS_TOKEN_INVALID"
  | "ERR_PASSWORDLESS_TOKEN_EXPIRED"
  | "ERR_PASSWORDLESS_OBJECT_ID_MISSING"
  | "ERR_PASSWORDLESS_TENANT_MISMATCH"
  | "ERR_PASSWORDLESS_AUDIENCE_MISMATCH"
  | "ERR_PASSWORDLESS_IDENTITY_REJECTED"
  | "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE"
  | "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR"
  | "ERR_PASSWORDLESS_THROTTLED"
  | "ERR_PASSWORDLESS_FEDERATED_TOKEN_UNREADABLE"
  | "ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE"
  | "ERR_PASSWORDLESS_PEER_MISSING"
  | "ERR_PASSWORDLESS_AUTH_REFUSED"
  | "ERR_PASSWORDLESS_AUTH_TIMEOUT"
  | "ERR_PASSWORDLESS_PERMISSION_DENIED"
  | "ERR_PASSWORDLESS_COMMAND_REFUSED"
  | "ERR_PASSWORDLESS_CONNECTION_FAILED"
  | "ERR_PASSWORDLESS_PLAINTEXT_REFUSED"
  | "ERR_PASSWORDLESS_URL_CREDENTIALS"
  | "ERR_PASSWORDLESS_ENDPOINT_MISSING"
  | "ERR_PASSWORDLESS_PRIVATE_LINK_NAME"
  | "ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED"
  | "ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY"
  | "ERR_PASSWORDLESS_CLIENT_UNSUPPORTED"
  | "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH";

export interface PasswordlessErrorInit {
  /** What failed and what was observed, with the values that differ. Never a secret. */
  readonly message: string;
  /** One sentence that the reader can act on. */
  readonly remedy: string;
  /**
   * The cause within the situation, where it is known: the ID of a rule of `explain/`.
   * @default the code's own
   */
  readonly rule?: string | undefined;
  /** The original error; a sanitised copy when the original carries headers or bodies. */
  readonly cause?: unknown;
  /**
   * Whether the same call may succeed later without anybody changing anything.
   * @default false
   */
  readonly retryable?: boolean;
  /** How long the other side asked us to wait before the next attempt, in milliseconds (`Retry-After`). */
  readonly retryAfterMs?: number;
  /** Facts for machines: status codes, AADSTS numbers, ids. Never a secret. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

const DOCS_URL = "https://github.com/redis-passwordless/redis-passwordless/blob/main/docs/errors.md";
const BRAND = Symbol.for("redis-passwordless.error");

/** Where a rule, or a code that none narrows down, is explained. */
export function docsUrlOf(rule: string): string {
  return `${DOCS_URL}#${rule}`;
}

/** The rule for a code whose cause is not known any closer: the anchor of the code's own heading. */
export function generalRule(code: ErrorCode): string {
  return code.toLowerCase();
}

/** The one error class of this library: a stable `code`, what was observed, and a remedy. */
export class PasswordlessError extends Error {
  readonly #observed: string;
  readonly code: ErrorCode;
  /** The cause within the situation; a heading in `docs/errors.md`. The code in lower case where it is not known. */
  readonly rule: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, init: PasswordlessErrorInit) {
    super(
      `${init.message} ${init.remedy} [${code}]`,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.name = "PasswordlessError";
    this.#observed = init.message;
    this.code = code;
    this.rule = init.rule ?? generalRule(code);
    this.remedy = init.remedy;
    this.retryable = init.retryable ?? false;
    this.retryAfterMs = init.retryAfterMs;
    this.details = init.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** What was seen: the message without the remedy. */
  get observed(): string {
    return this.#observed;
  }

  /** Where this failure is explained. */
  get docsUrl(): string {
    return docsUrlOf(this.rule);
  }

  /** Recognises the error of any copy of this library, which `instanceof` does not. */
  static is(value: unknown): value is PasswordlessError {
    return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }
}

/** Builds the error for a bad argument: names the option, what it accepts and, unless it is a secret, what it got. */
export function invalidOption(option: string, accepts: string, got?: unknown): PasswordlessError {
  const observed = got === undefined ? "" : ` It got ${describeValue(got)}.`;
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message: `Option \`${option}\` is invalid.${observed}`,
    remedy: `\`${option}\` accepts ${accepts}.`,
    details: { option },
  });
}

function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}
