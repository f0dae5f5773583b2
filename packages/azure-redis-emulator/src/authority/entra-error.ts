import { randomUUID } from "node:crypto";
import { type HttpAnswer, json } from "../http/http-server.js";

/** OAuth's `error` and the HTTP status that go with it. */
const STATUS = {
  access_denied: 400,
  authorization_declined: 400,
  authorization_pending: 400,
  expired_token: 400,
  interaction_required: 400,
  invalid_client: 401,
  invalid_grant: 400,
  invalid_request: 400,
  invalid_resource: 400,
  invalid_scope: 400,
  invalid_tenant: 400,
  slow_down: 400,
  temporarily_unavailable: 503,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
} as const;

/**
 * A refusal as Entra ID words it: its number, and the text after `AADSTSnnnn: `.
 *
 * Numbers and their meaning: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export class EntraError extends Error {
  readonly aadsts: number;
  readonly error: keyof typeof STATUS;

  constructor(aadsts: number, error: keyof typeof STATUS, message: string) {
    super(message);
    this.name = "EntraError";
    this.aadsts = aadsts;
    this.error = error;
  }
}

export interface ErrorContext {
  readonly nowMs: number;
  readonly authorityHost: string;
  /** `client-request-id` of the request. */
  readonly correlationId?: string | undefined;
}

/** The answer that carries the error, in the shape that MSAL takes apart. */
export function entraErrorAnswer(
  { aadsts, error, message }: EntraError,
  { nowMs, authorityHost, correlationId = randomUUID() }: ErrorContext,
): HttpAnswer & { kind: "reply" } {
  const traceId = randomUUID();
  const timestamp = entraTimestamp(nowMs);
  const body = {
    error,
    error_description: `AADSTS${aadsts}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [aadsts],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `${authorityHost}/error?code=${aadsts}`,
  };
  return json(STATUS[error], body, { "x-ms-request-id": traceId, "client-request-id": correlationId });
}

/** `2026-11-20 08:15:30Z` */
export function entraTimestamp(epochMs: number): string {
  return new Date(epochMs)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

/** An answer to a request in which a field is missing. */
export function missingParameter(name: string): EntraError {
  return new EntraError(
    900144,
    "invalid_request",
    `The request body must contain the following parameter: '${name}'.`,
  );
}

/** An answer to an application that says who it is, and nothing to prove it. */
export function missingProof(): EntraError {
  return new EntraError(
    7000218,
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  );
}

export function unknownTenant(tenant: string, error: "invalid_request" | "invalid_tenant"): EntraError {
  return new EntraError(
    90002,
    error,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  );
}
