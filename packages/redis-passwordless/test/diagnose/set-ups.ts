import { AUTHORITY_SET_UPS } from "./set-ups/authority.js";
import { COMBINED_SET_UPS } from "./set-ups/combinations.js";
import { DEVELOPER_SET_UPS } from "./set-ups/developer.js";
import { HEALTHY_SET_UPS } from "./set-ups/healthy.js";
import { MANAGED_IDENTITY_SET_UPS } from "./set-ups/managed-identity.js";
import { NETWORK_SET_UPS } from "./set-ups/network.js";
import { REDIS_SET_UPS } from "./set-ups/redis.js";
import type { SetUp } from "./set-ups/set-up.js";
import { TOKEN_SET_UPS } from "./set-ups/token.js";
import { VARIABLE_SET_UPS } from "./set-ups/variables.js";

export { HEALTHY_SET_UPS };

/**
 * Set-ups with something wrong, and what an expert would say. They judge the doctor: an expectation is decided from what
 * Azure's documentation says, before anybody looks at what the doctor says.
 */
export const BROKEN_SET_UPS: readonly SetUp[] = [
  ...VARIABLE_SET_UPS,
  ...AUTHORITY_SET_UPS,
  ...MANAGED_IDENTITY_SET_UPS,
  ...DEVELOPER_SET_UPS,
  ...TOKEN_SET_UPS,
  ...NETWORK_SET_UPS,
  ...REDIS_SET_UPS,
  ...COMBINED_SET_UPS,
];
