import { PasswordlessError } from "../core/errors.js";
import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import { ExchangeFailure, exchange } from "./http.js";

/** As long as @azure/identity waits for the same probe; IMDS is on the host and answers within milliseconds. */
const PROBE_TIMEOUT_MS = 1000;

export interface AmbientProviders {
  readonly managedIdentity: IdentityProvider;
  readonly developer: IdentityProvider;
  /** Address to probe; without the `Metadata` header it answers with an error, which is an answer. */
  readonly probeUrl: string;
}

/**
 * No variable says who we are: an Azure virtual machine, or a developer's machine. The instance metadata service is
 * probed once; if it answers, the managed identity is asked, otherwise the developer's login. The first of them that
 * yields a token stays, so that a service never changes its identity while it runs.
 */
export class AmbientProvider implements IdentityProvider {
  readonly description: string;
  readonly #providers: AmbientProviders;
  #chosen: IdentityProvider | undefined;

  constructor(providers: AmbientProviders, description: string) {
    this.description = description;
    this.#providers = providers;
  }

  async requestToken(request: TokenRequest): Promise<TokenResponse> {
    if (this.#chosen !== undefined) return this.#chosen.requestToken(request);
    const { managedIdentity, developer, probeUrl } = this.#providers;
    const isOnAzure = await answers(probeUrl, request.signal);
    const candidate = isOnAzure ? managedIdentity : developer;
    try {
      const response = await candidate.requestToken(request);
      this.#chosen = candidate;
      return response;
    } catch (error) {
      if (isOnAzure || !PasswordlessError.is(error) || error.code !== "ERR_PASSWORDLESS_PEER_MISSING")
        throw error;
      throw nobody(error);
    }
  }
}

async function answers(probeUrl: string, signal: AbortSignal): Promise<boolean> {
  const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  try {
    const { status, contentType } = await exchange({
      url: new URL(probeUrl),
      method: "GET",
      headers: {},
      signal: AbortSignal.any([signal, timeout]),
      isLocal: true,
    });
    // Docker Desktop (403) and intercepting proxies (403, pages) answer for addresses that they cannot reach.
    return status !== 403 && !contentType.includes("html");
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted || error instanceof ExchangeFailure) return false;
    throw error;
  }
}

function nobody(cause: PasswordlessError): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
    message:
      "No identity was found: no variable of the environment names one, no managed identity endpoint answers, and @azure/identity, which finds a developer's login, is not installed.",
    remedy:
      "On a developer's machine run `npm install @azure/identity` and `az login`; elsewhere pass an identity or set the AZURE_* variables.",
    // The metadata service of a virtual machine that is starting may come late.
    retryable: true,
    cause,
  });
}
