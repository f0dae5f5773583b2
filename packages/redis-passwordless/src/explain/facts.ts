import { policiesWith } from "./access-policies.js";
import { loginCommand, type Tool } from "./developer-tool.js";
import { duration } from "./duration.js";

/**
 * What is known about a failure: the evidence that a rule wants, and the values that its remedy names. Everything is
 * optional, and nothing here is a secret. Instants are epoch milliseconds.
 */
export interface Facts {
  // The cache
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** `host:port`; follows from the two. */
  readonly endpoint?: string | undefined;
  /** Whether the connection uses TLS. */
  readonly isEncrypted?: boolean | undefined;
  readonly product?: "managedRedis" | "cacheForRedis" | "enterprise" | "unknown" | undefined;
  /** What the certificate is compared with. */
  readonly serverName?: string | undefined;
  /** The IP address that was dialled. */
  readonly address?: string | undefined;
  readonly isPrivateAddress?: boolean | undefined;
  /** A name of a private DNS zone that the host name leads to. */
  readonly privateLinkName?: string | undefined;
  /** Whether the host was given as an IP address. */
  readonly hostIsAddress?: boolean | undefined;
  /** Whether it is a node that the cluster announced, not the endpoint. */
  readonly isNode?: boolean | undefined;
  /** The names that the certificate covers. */
  readonly certificateNames?: string | undefined;

  // Who logs in
  readonly login?: "entraId" | "accessKey" | undefined;
  /** The Redis user name that was sent. */
  readonly username?: string | undefined;
  readonly identityKind?: string | undefined;
  /** For humans, such as `system-assigned managed identity`. */
  readonly identity?: string | undefined;
  /** What names the managed identity. */
  readonly selector?: "clientId" | "objectId" | "resourceId" | "none" | undefined;
  /** Which endpoint gives the managed identity: of virtual machines, or of App Service and its like. */
  readonly identityEndpoint?: "imds" | "appService" | undefined;
  readonly secretLooksLikeId?: boolean | undefined;
  /** What the developer logs in with. */
  readonly tool?: Tool | undefined;
  /** Whether nobody but such tools was asked. */
  readonly onlyTools?: boolean | undefined;
  /** A package that could not be loaded. */
  readonly peer?: string | undefined;
  readonly certificateProblem?:
    | "unreadable"
    | "noCertificate"
    | "noKey"
    | "keyType"
    | "keyMismatch"
    | "passwordMissing"
    | "passwordWrong"
    | "unknown"
    | undefined;
  /** The option that gives what is unusable. */
  readonly option?: string | undefined;
  /** A file that is missing or unusable. */
  readonly file?: string | undefined;
  readonly tokenProblem?: "notAJwt" | "incomplete" | "missing" | undefined;
  /** Of the token: `oid`, `appid` or `azp`, `tid`, `aud`, `idtyp`. */
  readonly objectId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly audience?: string | undefined;
  readonly identityType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly tokenExpiresAtMs?: number | undefined;
  /** Whether it had ended when the server examined it. */
  readonly isTokenExpired?: boolean | undefined;
  /** How far this machine's clock is ahead of the identity provider's; negative: behind. */
  readonly clockSkewMs?: number | undefined;
  /** Whether a token that has ended has done so by its issuer's clock too. */
  readonly isExpiredAtIssuer?: boolean | undefined;
  /** The tenant that the token should be of. */
  readonly expectedTenantId?: string | undefined;
  readonly authorityHost?: string | undefined;
  readonly scope?: string | undefined;

  // What was answered
  readonly status?: number | undefined;
  readonly aadsts?: number | undefined;
  readonly reply?: string | undefined;
  readonly networkError?: string | undefined;
  readonly topology?: string | undefined;
  /** Why a client or connection cannot be kept logged in. */
  readonly clientProblem?:
    | "connectionHeld"
    | "subscriberWithoutResp3"
    | "loginInTransaction"
    | "notAttachable"
    | "unknownClass"
    | "tooOld"
    | undefined;
  /** In what two settings contradict each other. */
  readonly contradiction?:
    | "addresses"
    | "keys"
    | "keyAndIdentity"
    | "keyOfOtherCache"
    | "incompletePrincipal"
    | "cloud"
    | undefined;
  /** What NOPERM is about, or the command that the server does not know. */
  readonly command?: string | undefined;
  readonly key?: string | undefined;
  readonly channel?: string | undefined;

  /** What an experiment has shown, such as the doctor's: another identity of the same tenant that gets in. */
  readonly otherIdentityAccepted?: string | undefined;
  readonly worksAs?: "clientId" | "objectId" | "resourceId" | "none" | undefined;
}

export type FactName = keyof Facts;

/** Something that must be known to be so; a fact that is not known fulfils no condition. */
export type Condition =
  | { readonly fact: FactName; readonly is: string | number | boolean }
  | { readonly fact: FactName; readonly isKnown: boolean }
  | { readonly fact: FactName; readonly matches: RegExp }
  | { readonly fact: FactName; readonly equals: FactName }
  | { readonly fact: FactName; readonly differsFrom: FactName }
  | { readonly fact: FactName; readonly above: number }
  | { readonly fact: FactName; readonly below: number };

export function holds(condition: Condition, facts: Facts): boolean {
  const value = valueOf(condition.fact, facts);
  if ("isKnown" in condition) return (value !== undefined) === condition.isKnown;
  if (value === undefined) return false;
  if ("is" in condition) return value === condition.is;
  if ("matches" in condition) return condition.matches.test(String(value));
  if ("above" in condition) return Number(value) > condition.above;
  if ("below" in condition) return Number(value) < condition.below;
  const other = facts["equals" in condition ? condition.equals : condition.differsFrom];
  if (other === undefined) return false;
  // Object and client IDs are GUIDs, which are the same in upper case.
  const isSame = String(value).toLowerCase() === String(other).toLowerCase();
  return isSame === "equals" in condition;
}

/** A fact, also where it only follows from others. */
function valueOf(name: FactName, facts: Facts): Facts[FactName] {
  const { host, port } = facts;
  const isEndpoint = name === "endpoint" && host !== undefined && port !== undefined;
  return facts[name] ?? (isEndpoint ? `${host}:${port}` : undefined);
}

/** What texts may name besides facts, and how it follows from them. */
const DERIVED: Readonly<Record<string, (facts: Facts) => string | undefined>> = {
  cacheName: ({ host }) => cacheName(host),
  clockSkew: ({ clockSkewMs }) => (clockSkewMs === undefined ? undefined : duration(Math.abs(clockSkewMs))),
  productPort: ({ host = "" }) => (host.includes(".redis.cache.") ? "6380" : "10000"),
  policiesWithCommand: ({ command }) => policiesWith(command),
  login: ({ tool, expectedTenantId }) => loginCommand(tool, expectedTenantId),
  scopedLogin: ({ tool, expectedTenantId, scope = "https://redis.azure.com/.default" }) =>
    loginCommand(tool, expectedTenantId, scope),
};

/** A place for a fact: what stands in front of it, its name, and what stands there when it is not known. */
export const PLACEHOLDER = /\{(?:'([^']*)')?([A-Za-z]+)(?:\|([^{}]*))?\}/g;

/**
 * Puts facts into a text: `{host}`, or `{host|the cache}` for when it is not known, or `{' on 'host}`, which is nothing
 * at all then.
 */
export function fill(template: string, facts: Facts): string {
  return template.replace(PLACEHOLDER, (_, before: string | undefined, name: string, otherwise?: string) => {
    const value = DERIVED[name]?.(facts) ?? valueOf(name as FactName, facts);
    if (value !== undefined) return `${before ?? ""}${String(value)}`;
    return otherwise ?? (before === undefined ? "…" : "");
  });
}

/** The first label of an Azure name is the cache's. */
function cacheName(host: string | undefined): string | undefined {
  const label = /^([^.]+)\..*\.redis|^([^.]+)\.redis/.exec(host ?? "");
  return label?.[1] ?? label?.[2];
}
