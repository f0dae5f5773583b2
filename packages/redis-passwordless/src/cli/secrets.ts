import { knownVariables } from "../azure/known-variables.js";
import { serviceConnectorVariables } from "../azure/service-connector.js";
import { PasswordlessError } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";

/** The secrets that the variables hold, so that output can be searched for them. */
export function secretsIn(env: Environment, prefix?: string): string[] {
  const names = knownVariables(serviceConnectorVariables({}, env));
  const own = prefix === undefined ? [] : withPrefix(prefix, env);
  const secrets = [...names, ...own].filter(({ isSecret }) => isSecret).map(({ name }) => env[name] ?? "");
  return [...secrets, env["REDISCLI_AUTH"] ?? ""]
    .flatMap((value) => [value, value.trim(), ...passwordsIn(value)])
    .filter(Boolean);
}

function withPrefix(prefix: string, env: Environment) {
  try {
    return knownVariables(serviceConnectorVariables({ prefix }, env));
  } catch (error) {
    // Whoever reads the flag complains of it.
    if (PasswordlessError.is(error)) return [];
    throw error;
  }
}

/** Of a connection string, the part that is secret: it may be quoted without the rest. */
function passwordsIn(text: string): string[] {
  const [, ofUrl] = /:\/\/[^/@]*?:([^@]+)@/.exec(text) ?? [];
  const [, ofList] = /password=([^,]+)/i.exec(text) ?? [];
  return [ofUrl, ofList].filter((password) => password !== undefined);
}
