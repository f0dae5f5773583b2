import type { AccessPolicy } from "../api.js";

/**
 * The built-in policies. Those of Azure Cache for Redis, as `az redis access-policy list` and exported templates show them
 * (API 2024-11-01; newer exports narrow the reader's `+@connection` down to single commands). They say nothing
 * about Pub/Sub channels: those caches run Redis 6, where every channel is open unless a rule closes it
 * (`acl-pubsub-default allchannels`); in Redis 7 it is the other way round, hence `&*` here.
 *
 * Azure Managed Redis has one, `default`, besides access strings.
 */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  default: ["+@all", "allkeys", "&*"],
  "Data Owner": ["+@all", "allkeys", "&*"],
  // Without `@dangerous` there is no INFO and no CLUSTER SHARDS: Azure's clients meet the same.
  "Data Contributor": [
    "+@all",
    "-@dangerous",
    "+cluster|info",
    "+cluster|nodes",
    "+cluster|slots",
    "allkeys",
    "&*",
  ],
  // No `@pubsub`, so no channels either.
  "Data Reader": ["+@read", "+@connection", "+cluster|info", "+cluster|nodes", "+cluster|slots", "allkeys"],
};

/**
 * Returns the rules for `ACL SETUSER` that a policy stands for, passwords left out.
 *
 * A string of your own is taken as Azure takes it, as in `+@read +set ~Az*`. Chosen, not sourced: when it has
 * no rule for channels it opens them all, because Azure Managed Redis's default string for full access,
 * `+@all ~*`, has none.
 *
 * @see https://learn.microsoft.com/azure/redis/configure-access-permissions
 */
export function aclRules(policy: AccessPolicy): readonly string[] {
  const builtIn = Object.hasOwn(BUILT_IN, policy) ? BUILT_IN[policy] : undefined;
  if (builtIn !== undefined) return builtIn;
  const rules = policy.split(/\s+/).filter((rule) => rule !== "");
  const unwanted = rules.find((rule) => /^([<>#!]|nopass|resetpass|reset$|on$|off$)/i.test(rule));
  if (unwanted !== undefined) {
    // Passwords are not the policy's business, and the rule may be one: it is not repeated.
    throw new RangeError("An access policy has rules for commands, keys and channels only, no passwords.");
  }
  const hasChannels = rules.some((rule) => rule.startsWith("&") || /^(all|reset)channels$/i.test(rule));
  return hasChannels ? rules : [...rules, "&*"];
}
