import type { AzureLogin } from "../azure/connection.js";
import { createIdentity, defaultIdentity } from "../azure/entra-id.js";
import type { Environment } from "../identity/managed-identity-source.js";
import type { Identity } from "../reauth/identity.js";

/** Access keys do not end; a token must, so this one ends in the year 9999. */
const NEVER_MS = Date.UTC(9999, 11, 31);

/** Identities by what they were made of, which may hold a secret: so it stays in here. */
const identities = new Map<string, Identity>();

/** The identity for a login; equal logins share one, so that they share its token. Made anew after `close()`. */
export function sharedIdentity(login: AzureLogin, env: Environment): Identity {
  if (login.kind === "entraId" && Object.keys(login.options).length === 0) return defaultIdentity();
  const key = keyOf(login);
  const existing = key === undefined ? undefined : identities.get(key);
  if (existing !== undefined && existing.status.state !== "closed") return existing;
  const created = login.kind === "entraId" ? createIdentity(login.options, env) : accessKeyIdentity(login);
  if (key !== undefined) identities.set(key, created);
  return created;
}

/** `undefined` for options with objects of the caller's own, such as a credential. */
function keyOf(login: AzureLogin): string | undefined {
  if (login.kind === "accessKey") return JSON.stringify([login.username, login.password.reveal()]);
  if (!isData(login.options)) return undefined;
  return JSON.stringify(Object.entries(login.options).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether JSON says all of it; of a credential it would say nothing, and take all of them for the same. */
function isData(value: unknown): boolean {
  if (typeof value === "function") return false;
  if (typeof value !== "object" || value === null) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  return isPlain && Object.values(value).every(isData);
}

/** An access key as a token that does not end: everything else is the same, and it is in no option of the client. */
function accessKeyIdentity({ username, password }: Extract<AzureLogin, { kind: "accessKey" }>): Identity {
  warnOnce();
  const identityProvider = {
    description: "access key",
    requestToken: () => ({
      token: password.reveal(),
      username: username ?? "default",
      expiresAtMs: NEVER_MS,
    }),
  };
  return createIdentity({ identityProvider }, {});
}

let hasWarned = false;

function warnOnce(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "This process logs in to Redis with an access key. Give its identity an access policy on the cache and remove the key from the variables (`describe()` names them): Microsoft Entra ID then takes over.",
    { code: "PASSWORDLESS_ACCESS_KEY" },
  );
}
