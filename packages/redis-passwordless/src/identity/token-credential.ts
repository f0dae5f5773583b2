import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import { sanitiseCause } from "../core/sanitise.js";
import type { TokenResponse } from "../core/token.js";
import { CLOUDS } from "./clouds.js";
import type { CredentialAccessToken, TokenCredential } from "./credential.js";
import type { DeveloperCredentialName, DeveloperCredentialOptions } from "./developer-credential.js";
import { InteractiveLogin, isInteractive } from "./interactive-login.js";
import { once } from "./once.js";
import { tokenError } from "./token-error.js";
import { type TokenExpectations, toTokenResponse } from "./token-response.js";

/** Asks any `TokenCredential` for tokens. */
export class TokenCredentialProvider implements IdentityProvider {
  readonly description: string;
  readonly #credential: () => Promise<TokenCredential>;
  readonly #expected: TokenExpectations;
  #interactive: InteractiveLogin | undefined;

  /** @param credential called for each request; it returns the same credential each time */
  constructor(credential: () => Promise<TokenCredential>, expected: TokenExpectations, description: string) {
    this.description = description;
    this.#credential = credential;
    this.#expected = expected;
  }

  async requestToken({ signal }: TokenRequest): Promise<TokenResponse> {
    const credential = await this.#credential();
    let accessToken: CredentialAccessToken | null;
    try {
      accessToken = await this.#ask(credential, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { credentialError } = await import("./credential-errors.js");
      throw credentialError(error, this.description, this.#expected.expectedTenantId);
    }
    if (typeof accessToken?.token !== "string" || accessToken.token === "") {
      throw tokenError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
        message: `The ${this.description} returned no token.`,
        facts: { tokenProblem: "missing" },
      });
    }
    const { token, expiresOnTimestamp, refreshAfterTimestamp } = accessToken;
    return toTokenResponse(
      { token, expiresAtMs: expiresOnTimestamp, refreshAtMs: refreshAfterTimestamp },
      this.#expected,
    );
  }

  #ask(credential: TokenCredential, signal: AbortSignal): Promise<CredentialAccessToken | null> {
    if (isInteractive(credential)) {
      this.#interactive ??= new InteractiveLogin(credential);
      return this.#interactive.getToken(this.#expected.scope, signal);
    }
    return credential.getToken(this.#expected.scope, { abortSignal: signal });
  }
}

/** What is used of @azure/identity, an optional peer. */
type AzureIdentity = Readonly<
  Record<
    DeveloperCredentialName | "ManagedIdentityCredential",
    new (
      options?: Record<string, unknown>,
    ) => TokenCredential
  >
>;

/**
 * Authorities that msal may ask Microsoft about, and whose aliases it learns that way.
 * @see https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
const DISCOVERABLE = new Set([
  ...Object.values(CLOUDS).map(({ authorityHost }) => new URL(authorityHost).host),
  "login.windows.net",
  "login.microsoft.com",
  "sts.windows.net",
  "login.chinacloudapi.cn",
  "login.microsoftonline.de",
  "login.usgovcloudapi.net",
]);

/**
 * `DefaultAzureCredential` of @azure/identity, loaded when it is first asked for a token: it finds the login of
 * Azure CLI, Azure PowerShell, Azure Developer CLI and Visual Studio Code, after the identities of services.
 */
export function defaultAzureCredential(
  options: DeveloperCredentialOptions = {},
): () => Promise<TokenCredential> {
  return azureCredential("DefaultAzureCredential", options);
}

/** A credential of @azure/identity by its name, loaded when it is first asked for a token. */
export function azureCredential(
  name: DeveloperCredentialName,
  { ca, ...options }: DeveloperCredentialOptions,
): () => Promise<TokenCredential> {
  return once(async () => {
    const { [name]: Credential } = await loadAzureIdentity(name);
    return new Credential(
      withoutUndefined({
        ...options,
        // Of an authority of its own, as in a private cloud, Microsoft's discovery knows nothing and refuses it.
        disableInstanceDiscovery: isDiscoverable(options.authorityHost) ? undefined : true,
        tlsOptions: ca === undefined ? undefined : { ca: typeof ca === "string" ? ca : [...ca] },
      }),
    );
  });
}

function isDiscoverable(authorityHost: string | undefined): boolean {
  return authorityHost === undefined || DISCOVERABLE.has(new URL(authorityHost).host);
}

/** `ManagedIdentityCredential` of @azure/identity, for the platforms whose endpoint is not spoken here. */
export function azureManagedIdentityCredential(selector: Readonly<Record<string, string | undefined>>) {
  return once(async () => {
    const { ManagedIdentityCredential } = await loadAzureIdentity("ManagedIdentityCredential");
    return new ManagedIdentityCredential(withoutUndefined(selector));
  });
}

async function loadAzureIdentity(wanted: string): Promise<AzureIdentity> {
  try {
    return await import("@azure/identity");
  } catch (error) {
    throw tokenError("ERR_PASSWORDLESS_PEER_MISSING", {
      message: `${wanted} needs the package @azure/identity, which could not be loaded.`,
      facts: { peer: "@azure/identity" },
      cause: sanitiseCause(error),
    });
  }
}

function withoutUndefined(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
