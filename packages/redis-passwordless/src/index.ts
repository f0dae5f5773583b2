export { addressMapFor } from "./azure/address-map.js";
export { type EntraIdOptions, entraId } from "./azure/entra-id.js";
export type { Clock } from "./core/clock.js";
export { type ErrorCode, PasswordlessError } from "./core/errors.js";
export type { IdentityProvider, TokenRequest } from "./core/identity-provider.js";
export type { RefreshOptions, RetryOptions } from "./core/options.js";
export type { Token, TokenResponse } from "./core/token.js";
export type { RefreshFailure, TokenManagerStatus } from "./core/token-manager-events.js";
export { type ExplainContext, type Explanation, explain } from "./explain/explain.js";
export type { Certainty, Target } from "./explain/rule.js";
export type {
  CloudName,
  CredentialAccessToken,
  CustomIdentityProvider,
  CustomToken,
  IdentityOptions,
  ManagedIdentitySelector,
  TokenCredential,
} from "./identity/index.js";
export type { Identity, IdentityEvents, LifecycleOptions } from "./reauth/identity.js";
export {
  type AddressMap,
  firstOf,
  type MappedAddress,
  type NodeAddress,
  reachedByEndpoint,
  verifiedAs,
} from "./topology/address-map.js";
export { addressResolver, natMap, nodeAddressMap } from "./topology/client-forms.js";
