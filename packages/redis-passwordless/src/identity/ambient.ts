import { PasswordlessError } from "../core/errors.js";
import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import { ExchangeFailure, exchange } from "./http.js";
import { tokenError } from "./token-error.js";

/** As long as @azure/identity waits for the same probe; IMDS is on the host and answers within milliseconds. */
const PROBE_TIMEOUT_MS = 1000;

export interface AmbientProviders {
  readonly managedIdentity: IdentityProvider;
  readonly developer: IdentityProvider;
  /** Address to probe; without the `Metadata` header it answers with an error, which is an answer. */
  readonly probeUrl: string;
  /** Whether the managed identity was chosen by somebody; then no other will do. */
  readonly isNamed: boolean;
}

/**
 * No variable says who we are: an Azure virtual machine, or a developer's machine. The instance metadata service is
 * probed; if it answers, the managed identity is asked, otherwise the developer's login, and so it is on a virtual
 * machine without a managed identity, such as a hosted build agent. The first of them that yields a token stays, so
 * that a service never changes its identity while it runs.
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
    const { managedIdentity, developer, probeUrl, isNamed } = this.#providers;
    if (!(await answers(probeUrl, request.signal))) return this.#askDeveloper(request);
    let refusal: PasswordlessError;
    try {
      return await this.#ask(managedIdentity, request);
    } catch (error) {
      if (isNamed || !isNoIdentity(error)) throw error;
      refusal = error;
    }
    try {
      return await this.#ask(developer, request);
    } catch (error) {
      request.signal.throwIfAborted();
      throw noneHere(refusal, error);
    }
  }

  async #askDeveloper(request: TokenRequest): Promise<TokenResponse> {
    try {
      return await this.#ask(this.#providers.developer, request);
    } catch (error) {
      if (!PasswordlessError.is(error) || error.code !== "ERR_PASSWORDLESS_PEER_MISSING") throw error;
      throw nobody(error);
    }
  }

  async #ask(provider: IdentityProvider, request: TokenRequest): Promise<TokenResponse> {
    const response = await provider.requestToken(request);
    this.#chosen = provider;
    return response;
  }
}

/** The metadata service's refusal with nothing attached to the machine. */
function isNoIdentity(error: unknown): error is PasswordlessError {
  return PasswordlessError.is(error) && error.rule === "managed-identity-none";
}

/** A virtual machine without a managed identity, on which nobody is logged in either. */
function noneHere(refusal: PasswordlessError, developer: unknown): PasswordlessError {
  const { code, rule, remedy, details, retryable } = refusal;
  const alsoSaid = PasswordlessError.is(developer) ? ` ${developer.message}` : "";
  return new PasswordlessError(code, {
    message: `This virtual machine has no managed identity, and no developer is logged in.${alsoSaid}`,
    rule,
    remedy,
    retryable,
    details,
    cause: developer,
  });
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
  return tokenError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
    message:
      "No identity was found: no variable of the environment names one, no managed identity endpoint answers, and @azure/identity, which finds a developer's login, is not installed.",
    facts: { peer: "@azure/identity" },
    cause,
  });
}
