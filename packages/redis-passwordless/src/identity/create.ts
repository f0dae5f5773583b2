import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import type { CertificateSource } from "./certificate.js";
import type { TokenCredential } from "./credential.js";
import { planFromEnvironment } from "./environment.js";
import { INTERACTIVE_TIMEOUT_MS, isInteractive } from "./interactive-login.js";
import { type Environment, variable } from "./managed-identity-source.js";
import { once } from "./once.js";
import type { IdentityOptions } from "./options.js";
import {
  type CommonSettings,
  commonSettings,
  type IdentityKind,
  type IdentityPlan,
  planManagedIdentity,
  planServicePrincipal,
  planWorkloadIdentity,
  type ServicePrincipalSettings,
} from "./plan.js";
import { silenceOf } from "./silence.js";
import { optionConflict, validateIdentityOptions } from "./validate-options.js";

/** Which identity options or environment amount to, without any secret. */
export interface IdentityDescription {
  readonly kind: IdentityKind;
  readonly description: string;
  /** Why this one: the options or variables that decided. */
  readonly reason: string;
}

/** An identity provider that says which identity it is and why. */
export interface DescribedIdentityProvider extends IdentityProvider, IdentityDescription {
  /** How long one request should be allowed to take, in milliseconds, where that is out of the ordinary. */
  readonly requestTimeoutMs?: number | undefined;
}

/**
 * Turns options into an identity provider. Options are checked at once; modules are loaded, files read and endpoints
 * asked with the first `requestToken`.
 *
 * @param env environment variables; used when `options` name no identity, and for the defaults that they document
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, `ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE`
 */
export function createIdentityProvider(
  options: IdentityOptions = {},
  env: Environment = {},
): DescribedIdentityProvider {
  return new PlannedProvider(planIdentity(options, env));
}

/** Decides by the environment alone; see the rules in `environment.ts`. */
export function identityFromEnvironment(
  env: Environment,
  options: Pick<
    IdentityOptions,
    "scope" | "scopes" | "cloud" | "authorityHost" | "ca" | "expectedTenantId"
  > = {},
): DescribedIdentityProvider {
  validateIdentityOptions(options);
  return new PlannedProvider(planFromEnvironment(env, options));
}

/** Says which identity these options and this environment amount to, and why, without asking anybody. */
export function describeIdentity(options: IdentityOptions = {}, env: Environment = {}): IdentityDescription {
  const { kind, description, reason } = planIdentity(options, env);
  return { kind, description, reason };
}

/** Loads what it needs with the first request. The plan, whose closures hold secrets, stays private. */
class PlannedProvider implements DescribedIdentityProvider {
  readonly kind: IdentityKind;
  readonly description: string;
  readonly reason: string;
  readonly requestTimeoutMs: number | undefined;
  readonly #load: () => Promise<IdentityProvider>;

  constructor(plan: IdentityPlan) {
    this.kind = plan.kind;
    this.description = plan.description;
    this.reason = plan.reason;
    this.requestTimeoutMs = plan.requestTimeoutMs;
    this.#load = once(() => plan.load());
  }

  get whenSilent(): IdentityProvider["whenSilent"] {
    return silenceOf(this);
  }

  async requestToken(request: TokenRequest): Promise<TokenResponse> {
    request.signal.throwIfAborted();
    const provider = await this.#load();
    return provider.requestToken(request);
  }
}

function planIdentity(options: IdentityOptions, env: Environment): IdentityPlan {
  validateIdentityOptions(options);
  const settings = commonSettings(options, env);
  return (
    planForeign(options, settings) ??
    planApplication(options, settings, env) ??
    planNamedManagedIdentity(options, settings, env) ??
    planFromEnvironment(env, options)
  );
}

function planForeign(
  { credential, identityProvider }: IdentityOptions,
  settings: CommonSettings,
): IdentityPlan | undefined {
  if (credential !== undefined) {
    const description = describeCredential(credential);
    return {
      kind: "credential",
      description,
      reason: "option `credential`",
      requestTimeoutMs: isInteractive(credential) ? INTERACTIVE_TIMEOUT_MS : undefined,
      async load() {
        const { TokenCredentialProvider } = await import("./token-credential.js");
        return new TokenCredentialProvider(() => Promise.resolve(credential), settings, description);
      },
    };
  }
  if (identityProvider === undefined) return undefined;
  const own = typeof identityProvider === "function" ? undefined : identityProvider.description;
  const description = own ?? "custom identity provider";
  return {
    kind: "custom",
    description,
    reason: "option `identityProvider`",
    async load() {
      const { CustomProvider } = await import("./custom-provider.js");
      return new CustomProvider(identityProvider, settings, description);
    },
  };
}

/** Objects without a class, or without a prototype, have no name to show. */
function describeCredential(credential: TokenCredential): string {
  const { name } = (credential as { constructor?: { name?: string } }).constructor ?? {};
  return name === undefined || name === "" || name === "Object" ? "given credential" : `credential ${name}`;
}

/** Workload identity and service principals: whatever names a proof or a tenant. */
function planApplication(
  options: IdentityOptions,
  settings: CommonSettings,
  env: Environment,
): IdentityPlan | undefined {
  const { tenantId, clientId, federatedTokenFile } = options;
  const proof = proofOf(options);
  if (proof !== undefined) {
    const option = proof.kind === "secret" ? "clientSecret" : proof.source.option;
    const reason = `options \`tenantId\`, \`clientId\` and \`${option}\``;
    return planServicePrincipal(
      {
        tenantId: needed("tenantId", tenantId, option),
        clientId: needed("clientId", clientId, option),
        proof,
      },
      settings,
      reason,
    );
  }
  const fileFromEnvironment = variable(env, "AZURE_FEDERATED_TOKEN_FILE");
  const file =
    federatedTokenFile ??
    (clientId === undefined || options.managedIdentity ? undefined : fileFromEnvironment);
  const tenant = tenantId ?? variable(env, "AZURE_TENANT_ID");
  const client = clientId ?? variable(env, "AZURE_CLIENT_ID");
  if (file !== undefined && tenant !== undefined && client !== undefined) {
    const reason =
      federatedTokenFile === undefined
        ? "option `clientId`, and AZURE_FEDERATED_TOKEN_FILE is set"
        : "option `federatedTokenFile`";
    return planWorkloadIdentity({ tenantId: tenant, clientId: client, file }, settings, reason);
  }
  if (federatedTokenFile !== undefined) {
    needed("tenantId", tenant, "federatedTokenFile", "AZURE_TENANT_ID");
    needed("clientId", client, "federatedTokenFile", "AZURE_CLIENT_ID");
  }
  if (tenantId !== undefined) {
    throw optionConflict(
      "tenantId",
      "clientSecret",
      "Option `tenantId` is given without a proof of who is asking.",
      "Give `clientId` and one of `clientSecret`, `clientCertificate`, `clientCertificatePath` or `federatedTokenFile` too; to accept tokens of one tenant only, use `expectedTenantId`.",
    );
  }
  return undefined;
}

function planNamedManagedIdentity(
  options: IdentityOptions,
  settings: CommonSettings,
  env: Environment,
): IdentityPlan | undefined {
  const { clientId, objectId, resourceId, managedIdentity } = options;
  if (typeof managedIdentity === "object") {
    return planManagedIdentity(managedIdentity, settings, env, "option `managedIdentity`");
  }
  const named = Object.entries({ clientId, objectId, resourceId }).find(([, value]) => value !== undefined);
  if (named !== undefined) {
    return planManagedIdentity({ clientId, objectId, resourceId }, settings, env, `option \`${named[0]}\``);
  }
  if (managedIdentity === undefined) return undefined;
  return planManagedIdentity({}, settings, env, "option `managedIdentity`");
}

function proofOf(options: IdentityOptions): ServicePrincipalSettings["proof"] | undefined {
  const {
    clientSecret,
    clientCertificate,
    clientCertificatePath,
    clientCertificatePassword: password,
  } = options;
  if (clientSecret !== undefined) return { kind: "secret", secret: clientSecret };
  const sendChain = options.sendCertificateChain ?? false;
  const certificate = (source: CertificateSource) => ({ kind: "certificate", source, sendChain }) as const;
  if (clientCertificatePath !== undefined) {
    return certificate({ option: "clientCertificatePath", path: clientCertificatePath, password });
  }
  if (clientCertificate === undefined) return undefined;
  return certificate({ option: "clientCertificate", content: clientCertificate, password });
}

function needed(name: string, value: string | undefined, for_: string, orVariable?: string): string {
  if (value !== undefined) return value;
  const or = orVariable === undefined ? "" : `, or set ${orVariable}`;
  throw optionConflict(
    name,
    for_,
    `Option \`${for_}\` is given without \`${name}\`.`,
    `Give \`${name}\` too${or}.`,
  );
}
