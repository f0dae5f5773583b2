import type { Rule } from "./rule.js";
import { CONFIGURATION_RULES } from "./rules/configuration.js";
import { DEVELOPER_TOOL_RULES } from "./rules/developer-tools.js";
import { ENTRA_ID_RULES } from "./rules/entra-id.js";
import { MANAGED_IDENTITY_RULES } from "./rules/managed-identity.js";
import { NETWORK_RULES } from "./rules/network.js";
import { REDIS_RULES } from "./rules/redis.js";
import { TOKEN_RULES } from "./rules/token.js";

/** All causes that are known; the first that fits applies. */
export const RULES: readonly Rule[] = [
  ...TOKEN_RULES,
  ...MANAGED_IDENTITY_RULES,
  ...ENTRA_ID_RULES,
  ...DEVELOPER_TOOL_RULES,
  ...CONFIGURATION_RULES,
  ...REDIS_RULES,
  ...NETWORK_RULES,
];
