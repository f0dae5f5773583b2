import type { Token } from "../core/token.js";
import { decodeClaims } from "../identity/claims.js";
import type { IdentityDescription } from "../identity/create.js";
import { libraryVersion } from "./version.js";

/** Whose token it is and how long it lasts. Holds no secret: it may be logged, printed and sent as JSON. */
export interface TokenReport {
  /** Version of this structure; grows when something is removed or changes its meaning. */
  readonly schema: 1;
  readonly kind: "token";
  readonly version: string;
  /** The Redis user name: the object ID of the identity, unless an identity provider says otherwise. */
  readonly username: string;
  readonly objectId: string | undefined;
  readonly tenantId: string | undefined;
  readonly audience: string | undefined;
  readonly clientId: string | undefined;
  /** `app` or `user`. */
  readonly identityType: string | undefined;
  /** Azure resource ID of a managed identity. */
  readonly resourceId: string | undefined;
  /** Sign-in name of a user. */
  readonly userPrincipalName: string | undefined;
  readonly issuedAtMs: number | undefined;
  /** By the clock of whoever issued it. */
  readonly expiresAtMs: number;
  readonly expiresInMs: number;
  readonly lifetimeMs: number | undefined;
  /** How long asking for it took. */
  readonly durationMs: number;
  /** Whether it was issued before it was asked for, and so comes out of somebody's cache. */
  readonly isFromCache: boolean;
  /** How far the clock of whoever issued it is ahead of this machine's; `undefined` where it does not tell. */
  readonly clockSkewMs: number | undefined;
  readonly identity: Pick<IdentityDescription, "kind" | "description" | "reason">;
  readonly scope: string;
  /** Microsoft Entra ID, where it was asked directly. */
  readonly authorityHost: string | undefined;
  readonly hints: readonly string[];
}

/** What is known about a token besides itself. */
export interface TokenCircumstances {
  readonly requestedAtMs: number;
  readonly nowMs: number;
  readonly clockSkewMs: number | undefined;
  readonly identity: TokenReport["identity"];
  readonly scope: string;
  readonly authorityHost: string | undefined;
  readonly hints: readonly string[];
}

/** `iat` is in whole seconds, and clocks differ a little. */
const FRESH_MS = 5_000;

/** Says whose a token is, by its claims. Who handed it out has checked them. */
export function reportToken(token: Token, circumstances: TokenCircumstances): TokenReport {
  const { requestedAtMs, nowMs, clockSkewMs, identity, scope, authorityHost, hints } = circumstances;
  const claims = decodeClaims(token.reveal());
  const issuedAtMs = claims.iat === undefined ? undefined : claims.iat * 1000;
  const expiresAtMs = claims.exp === undefined ? token.expiresAtMs : claims.exp * 1000;
  // `token.expiresAtMs` is by our clock, so what is left of it is right whatever our clock says.
  const expiresInMs = token.expiresAtMs - nowMs;
  const { oid, tid, aud, appid, azp, idtyp, xms_mirid, upn } = claims;
  return {
    schema: 1,
    kind: "token",
    version: libraryVersion(),
    username: token.username,
    objectId: oid,
    tenantId: tid,
    audience: aud,
    clientId: appid ?? azp,
    identityType: idtyp,
    resourceId: xms_mirid,
    userPrincipalName: upn,
    issuedAtMs,
    expiresAtMs,
    expiresInMs,
    lifetimeMs: issuedAtMs === undefined ? undefined : expiresAtMs - issuedAtMs,
    durationMs: token.receivedAtMs - requestedAtMs,
    isFromCache: issuedAtMs !== undefined && issuedAtMs < requestedAtMs + (clockSkewMs ?? 0) - FRESH_MS,
    clockSkewMs,
    identity: { kind: identity.kind, description: identity.description, reason: identity.reason },
    scope,
    authorityHost,
    hints,
  };
}

/** The report for a terminal, without a line break at its end. */
export function tokenReportText(report: TokenReport, style: { readonly colours: boolean }): string {
  const { expiresAtMs, expiresInMs, issuedAtMs, durationMs, clockSkewMs = 0, identity } = report;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["Redis user name", report.username],
    ["Object ID", report.objectId === report.username ? undefined : report.objectId],
    ["Sign-in name", report.userPrincipalName],
    ["Tenant", report.tenantId],
    ["Audience", report.audience],
    ["Client ID", report.clientId],
    ["Kind", report.identityType],
    ["Resource ID", report.resourceId],
    ["Issued", issuedAtMs === undefined ? undefined : instant(issuedAtMs)],
    ["Expires", `${instant(expiresAtMs)} (in ${span(expiresInMs)})`],
    ["Received", `in ${durationMs} ms, ${report.isFromCache ? "from a cache" : "fresh"}`],
    ["Identity", identity.description],
    ["because of", identity.reason],
    ["Authority", report.authorityHost],
    ["Scope", report.scope],
    ["Clock", Math.abs(clockSkewMs) < FRESH_MS ? undefined : skew(clockSkewMs)],
    ...report.hints.map((hint) => ["Hint", hint] as const),
  ];
  const width = Math.max(...lines.map(([name, value]) => (value === undefined ? 0 : name.length)));
  const dim = (text: string) => (style.colours ? `\u001B[2m${text}\u001B[22m` : text);
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${dim(name.padEnd(width))}  ${value}`)
    .join("\n");
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");
}

/** `59 min`, `23 h 59 min`; seconds below two minutes. */
function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function skew(ms: number): string {
  const which = ms > 0 ? "behind" : "ahead of";
  return `this machine is ${span(Math.abs(ms))} ${which} the identity provider`;
}
