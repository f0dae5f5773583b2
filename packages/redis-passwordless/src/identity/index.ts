export { redact, sanitiseCause } from "../core/sanitise.js";
export {
  type ClaimExpectations,
  checkClaims,
  decodeClaims,
  publicFacts,
  type TokenClaims,
} from "./claims.js";
export {
  CLOUDS,
  type Cloud,
  type CloudName,
  REDIS_APPLICATION_ID,
  REDIS_RESOURCE,
  resourceOf,
} from "./clouds.js";
export {
  createIdentityProvider,
  type DescribedIdentityProvider,
  describeIdentity,
  type IdentityDescription,
  identityFromEnvironment,
} from "./create.js";
export type { CredentialAccessToken, TokenCredential } from "./credential.js";
export type { CustomIdentityProvider, CustomToken } from "./custom-provider.js";
export type { Environment } from "./managed-identity-source.js";
export {
  IDENTITY_OPTION_ALIASES,
  IDENTITY_OPTION_NAMES,
  type IdentityOptions,
  type ManagedIdentitySelector,
} from "./options.js";
export type { IdentityKind } from "./plan.js";
