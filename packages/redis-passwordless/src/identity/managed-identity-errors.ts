import { PasswordlessError } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import type { HttpResponse } from "./http.js";
import { malformedError, refusalError } from "./refusal.js";
import { parseObject, textOf } from "./token-response.js";

/** In the details of the refusal that says that no such identity is attached. */
export const NO_IDENTITY = "noIdentity";

const ON_A_LAPTOP =
  "on a developer's machine leave the identity out (`managedIdentity`, `clientId`, …), install @azure/identity and run `az login`, or pass a `credential`.";
/** Where there is no managed identity, and most likely will be none. */
export const NOT_ON_AZURE = `Only Azure's own machines have a managed identity, and this seems to be none: ${ON_A_LAPTOP}`;

interface Asked {
  readonly from: string;
  readonly identity: string;
  readonly secrets: readonly string[];
}

interface Row {
  readonly status: number;
  /** What the answer must contain; any answer when absent. */
  readonly pattern?: RegExp;
  /** Only when the answer is not JSON, so hardly the endpoint's own. */
  readonly isForeign?: true;
  readonly code: "ERR_PASSWORDLESS_IDENTITY_REJECTED" | "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";
  readonly retryable: boolean;
  readonly meaning: string;
  readonly remedy: string;
  readonly details?: Readonly<Record<string, boolean>>;
}

const ATTACH =
  "Attach the managed identity to this resource, or name one that is attached; `clientId` (`AZURE_CLIENT_ID`) must be the managed identity's, not an app registration's.";

/**
 * What the endpoints answer besides a token; the first row that fits applies.
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
 */
const ROWS: readonly Row[] = [
  {
    status: 400,
    pattern: /metadata header/i,
    code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
    retryable: false,
    meaning: "the `Metadata` header did not arrive",
    remedy: "Exempt 169.254.169.254 from the proxy that answered in its place.",
  },
  {
    status: 400,
    pattern: /multiple user.assigned/i,
    code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
    retryable: false,
    meaning: "several user-assigned identities are attached and none was named",
    remedy: "Name one with `clientId`, `objectId` or `resourceId`.",
  },
  {
    status: 400,
    pattern: /identity not found|no (?:user assigned|delegated|managed|msi)/i,
    code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
    retryable: false,
    meaning: "no such identity is attached",
    remedy: ATTACH,
    details: { [NO_IDENTITY]: true },
  },
  {
    status: 401,
    code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
    retryable: false,
    meaning: "it did not accept the identity header",
    remedy: "Restart the process: `IDENTITY_HEADER` changes, and is read at the start.",
  },
  {
    // Docker Desktop answers in place of 169.254.169.254.
    status: 403,
    pattern: /unreachable/i,
    code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
    retryable: false,
    meaning: "Docker Desktop answered: this machine has no managed identity",
    remedy: NOT_ON_AZURE,
  },
  {
    status: 403,
    isForeign: true,
    code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
    retryable: true,
    meaning: "something in between answered, so this machine has no managed identity or a proxy hides it",
    remedy: `On Azure exempt the endpoint from the proxy; ${ON_A_LAPTOP}`,
  },
  {
    status: 404,
    code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
    retryable: true,
    meaning: "it is being updated, or is not there",
    remedy: "Nothing to do if it passes; otherwise check that the resource has a managed identity.",
  },
  {
    status: 410,
    code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
    retryable: true,
    meaning: "it is being updated and returns within 70 seconds",
    remedy: "Nothing to do: the request is repeated.",
  },
];

/** Turns the answer of a managed identity endpoint into our error. */
export function managedIdentityRefusal(response: HttpResponse, asked: Asked): PasswordlessError {
  const { status, retryAfterMs } = response;
  const body = parseObject(response.body);
  const row = ROWS.find(
    ({ status, pattern, isForeign }) =>
      status === response.status &&
      (pattern?.test(response.body) ?? true) &&
      (isForeign !== true || body === undefined),
  );
  if (row === undefined) {
    if (status < 400)
      return malformedError(asked.from, asked.identity, `HTTP ${status}`, { details: { status } });
    // IMDS passes the errors of Entra ID on, `AADSTS` number included.
    return refusalError({ ...asked, status, retryAfterMs, ...readError(body, response.body) });
  }
  const { error, description } = readError(body, response.body);
  const observed = [`HTTP ${status}`, error, description].filter((part) => part !== undefined && part !== "");
  return new PasswordlessError(row.code, {
    message: `${asked.from.charAt(0).toUpperCase()}${asked.from.slice(1)} gave no token to the ${asked.identity}: ${row.meaning}. It answered ${redact(observed.join(", "), asked.secrets)}.`,
    remedy: row.remedy,
    retryable: row.retryable,
    details: { status, ...row.details },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** IMDS answers as OAuth does; App Service answers `{ statusCode, message }`, or an object under `error`. */
function readError(body: Readonly<Record<string, unknown>> | undefined, text: string) {
  if (body === undefined) return { error: undefined, description: text.trim().slice(0, 200) };
  const nested = body["error"];
  const inner =
    typeof nested === "object" && nested !== null ? (nested as Record<string, unknown>) : undefined;
  return {
    error: inner === undefined ? textOf(body, "error") : textOf(inner, "code"),
    description:
      textOf(body, "error_description") ??
      textOf(body, "message") ??
      (inner === undefined ? undefined : textOf(inner, "message")),
    correlationId: textOf(body, "correlation_id") ?? textOf(body, "correlationId"),
  };
}
