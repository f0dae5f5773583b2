import { type AzureConnectionOptions, azureConnection } from "../azure/connection.js";
import { identityOptionsOf } from "../azure/entra-id.js";
import { systemClock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import type { RefreshOptions } from "../core/options.js";
import type { Token } from "../core/token.js";
import { TokenManager } from "../core/token-manager.js";
import { reportToken, type TokenReport } from "../diagnose/token-report.js";
import type { ExplainContext } from "../explain/explain.js";
import { createIdentityProvider, type DescribedIdentityProvider } from "../identity/create.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { commonSettings } from "../identity/plan.js";
import type { TokenFacts } from "./token-file.js";

/** Any name will do: it is nobody's cloud. */
const NO_SERVER = "localhost:6380";

/** Where the tokens of this process come from, as an application's would. */
export class TokenSource {
  readonly provider: DescribedIdentityProvider;
  readonly hints: readonly string[];
  readonly #reason: string;
  readonly #scope: string;
  readonly #authorityHost: string;

  /** @throws {PasswordlessError} as `azureConnection` and `entraId` */
  constructor(options: AzureConnectionOptions, env: Environment) {
    const { login, hints } = connection({ entraId: {}, ...options }, env);
    // `entraId` rules access keys out.
    if (login.kind !== "entraId") throw new TypeError("An access key has no token.");
    const identity = identityOptionsOf(login.options);
    this.provider = createIdentityProvider(identity, env);
    this.hints = hints;
    this.#reason = login.reason;
    ({ scope: this.#scope, authorityHost: this.#authorityHost } = commonSettings(identity, env));
  }

  manager(options: RefreshOptions): TokenManager {
    const { requestTimeoutMs } = this.provider;
    return new TokenManager(this.provider, {
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...options,
    });
  }

  report(token: Token, manager: TokenManager, requestedAtMs: number): TokenReport {
    const { kind, description } = this.provider;
    return reportToken(token, {
      requestedAtMs,
      nowMs: systemClock.now(),
      clockSkewMs: manager.status.clockSkewMs,
      identity: { kind, description, reason: this.#reason },
      scope: this.#scope,
      authorityHost: ASKS_AUTHORITY.has(kind) ? this.#authorityHost : undefined,
      hints: this.hints,
    });
  }

  /** What an explanation wants to know. */
  get facts(): ExplainContext {
    const { kind, description } = this.provider;
    return {
      login: "entraId",
      identityKind: kind,
      identity: description,
      scope: this.#scope,
      target:
        kind === "managedIdentity" ? "managedIdentity" : DEVELOPER.has(kind) ? "developerTool" : "authority",
      ...(ASKS_AUTHORITY.has(kind) ? { authorityHost: this.#authorityHost } : {}),
    };
  }
}

const ASKS_AUTHORITY: ReadonlySet<string> = new Set(["servicePrincipal", "workloadIdentity"]);
const DEVELOPER: ReadonlySet<string> = new Set(["credential", "defaultAzureCredential", "ambient"]);

/** Whose token it is does not depend on a cache, so nobody has to name one. */
function connection(options: AzureConnectionOptions, env: Environment) {
  try {
    return azureConnection(options, env);
  } catch (error) {
    const isMissing = PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_ENDPOINT_MISSING";
    if (!isMissing) throw error;
    return azureConnection({ ...options, endpoint: NO_SERVER }, env);
  }
}

/** What stands beside a token in its file. */
export function factsOf({ username, tenantId, audience }: TokenReport, token: Token): TokenFacts {
  return {
    username,
    expiresAtMs: token.expiresAtMs,
    expiresAt: new Date(token.expiresAtMs).toISOString(),
    refreshedAtMs: token.receivedAtMs,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(audience === undefined ? {} : { audience }),
  };
}
