import { parseConnectionString } from "./connection-string.js";
import { Secret } from "./secret.js";
import { type Server, serverOf } from "./server.js";
import { contradictory, type ServiceConnectorVariables } from "./service-connector.js";
import type { Situation } from "./situation.js";

/** A login with an access key. */
export interface AccessKeyLogin {
  readonly kind: "accessKey";
  /** `undefined`: the server's default user. */
  readonly username: string | undefined;
  readonly password: Secret;
  /** The variables that decided. */
  readonly reason: string;
}

/**
 * The access key that the variables hold, unless the option `entraId` asks for an identity.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`
 */
export function findAccessKey({ options, variables, server, hints }: Situation): AccessKeyLogin | undefined {
  const { names, get } = variables;
  const text = get("connectionString");
  const ownKey = get("password");
  if (options.entraId !== undefined) {
    hintAtUnusedKey(variables, server, hints);
    return undefined;
  }
  const parsed = text === undefined ? undefined : parseConnectionString(text, names.connectionString);
  const password = parsed?.password ?? (ownKey === undefined ? undefined : new Secret(ownKey));
  if (password === undefined) return undefined;
  if (ownKey !== undefined && password.reveal() !== ownKey) {
    throw contradictory(
      { rule: "access-keys-differ", contradiction: "keys" },
      [names.password, names.connectionString],
      `${names.password} and ${names.connectionString} hold different keys.`,
      "Unset the one that is not meant.",
    );
  }
  const name = parsed?.password === undefined ? names.password : names.connectionString;
  const [other] = variables.set("clientId", "clientSecret");
  if (other !== undefined) {
    throw contradictory(
      { rule: "access-key-and-identity", contradiction: "keyAndIdentity" },
      [name, other],
      `${name} holds an access key, and ${other} names an identity: only one of them can log in.`,
      "Unset the one that is not meant, or give the option `entraId: {}` to log in with the identity.",
    );
  }
  assertOwnServer(name, variables, server);
  if (server.endpoint.supportsEntraId) {
    hints.push(
      `${name} holds an access key. To log in with Microsoft Entra ID, give the identity an access policy on the cache and unset ${name}${name === names.password ? "" : `, with ${names.host} in its place`}; the option \`entraId: {}\` does the same.`,
    );
  }
  return { kind: "accessKey", username: parsed?.username, password, reason: `${name} holds an access key` };
}

function hintAtUnusedKey(
  { names, get }: ServiceConnectorVariables,
  { reason }: Server,
  hints: string[],
): void {
  const text = reason === names.connectionString ? get("connectionString") : undefined;
  const hasKey = text !== undefined && parseConnectionString(text, reason).password !== undefined;
  const [name] = [...(get("password") === undefined ? [] : [names.password]), ...(hasKey ? [reason] : [])];
  if (name !== undefined)
    hints.push(`The option \`entraId\` is given, so the access key in ${name} is not used.`);
}

/** A key belongs to one cache and is shown to no other. */
function assertOwnServer(
  name: string,
  variables: ServiceConnectorVariables,
  { endpoint, reason }: Server,
): void {
  const own = serverOf(variables);
  if (own === undefined || own.endpoint.host === endpoint.host) return;
  throw contradictory(
    { rule: "access-key-of-other-cache", contradiction: "keyOfOtherCache" },
    [name, "endpoint"],
    `${name} holds the access key of ${own.endpoint.host}, and ${reason} says ${endpoint.host}.`,
    `Unset ${name}, or give the option \`entraId: {}\` to log in with an identity.`,
  );
}
