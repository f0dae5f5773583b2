import { PasswordlessError } from "../core/errors.js";
import { judge } from "../explain/judge.js";
import { observe } from "../explain/observation.js";
import { NETWORK_RULES } from "../explain/rules/network.js";
import { REDIS_RULES } from "../explain/rules/redis.js";
import { serverFacts } from "../explain/server.js";

const CHECK_SERVER =
  "Check host name, port, firewall and private DNS zone, and that its certificate is trusted.";

/**
 * The error for a server that could not be asked something, with its cause by what the connection's error says.
 *
 * @param observed what could not be done, without a full stop
 */
export function unreachableError(label: string, observed: string, cause: unknown): PasswordlessError {
  const { facts, ...seen } = observe(cause);
  const details = { ...(facts as PasswordlessError["details"]), ...serverFacts(label) };
  const verdict = judge([...REDIS_RULES, ...NETWORK_RULES], { ...seen, from: "redis" }, details);
  const [networkError] = seen.codes ?? [];
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `${observed}: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: verdict?.remedy ?? CHECK_SERVER,
    rule: verdict?.rule.id,
    retryable: true,
    details: networkError === undefined ? details : { ...details, networkError },
    cause,
  });
}
