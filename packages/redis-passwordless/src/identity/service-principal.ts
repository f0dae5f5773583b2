import { systemClock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import type { CertificateSource } from "./certificate.js";
import {
  assertionProof,
  requestFromTokenEndpoint,
  type TokenEndpoint,
  tokenEndpointUrl,
} from "./token-endpoint.js";

/** HTTP dates are whole seconds and a request old; clocks that differ by less agree, in milliseconds. */
const SKEW_TOLERANCE_MS = 5_000;

/** A service principal that proves itself with a client secret. */
export class ClientSecretProvider implements IdentityProvider {
  readonly description: string;
  readonly #endpoint: TokenEndpoint;
  readonly #secret: string;

  constructor(endpoint: TokenEndpoint, secret: string, description: string) {
    this.description = description;
    this.#endpoint = endpoint;
    this.#secret = secret;
  }

  requestToken({ signal }: TokenRequest): Promise<TokenResponse> {
    return requestFromTokenEndpoint(
      this.#endpoint,
      { client_secret: this.#secret },
      this.description,
      signal,
    );
  }
}

/**
 * A service principal that proves itself with an assertion signed by its certificate. A certificate in a file is
 * read for each exchange, so a renewed one is used without a restart.
 */
export class ClientCertificateProvider implements IdentityProvider {
  readonly description: string;
  readonly #endpoint: TokenEndpoint;
  readonly #source: CertificateSource;
  readonly #sendCertificateChain: boolean;
  /** How far the authority's clock is ahead of ours, in milliseconds, once that has mattered. */
  #clockSkewMs = 0;

  constructor(
    endpoint: TokenEndpoint,
    source: CertificateSource,
    sendCertificateChain: boolean,
    description: string,
  ) {
    this.description = description;
    this.#endpoint = endpoint;
    this.#source = source;
    this.#sendCertificateChain = sendCertificateChain;
  }

  async requestToken({ signal }: TokenRequest): Promise<TokenResponse> {
    try {
      return await this.#exchange(signal);
    } catch (error) {
      // A wrong clock makes every assertion invalid, so the authority's own is believed, and asked once more.
      if (!this.#learnClock(error)) throw error;
      return this.#exchange(signal);
    }
  }

  async #exchange(signal: AbortSignal): Promise<TokenResponse> {
    // Loaded with the first use only: it brings node:crypto along.
    const { loadCertificate, signAssertion } = await import("./certificate.js");
    const certificate = await loadCertificate(this.#source);
    const assertion = signAssertion(certificate, {
      audience: tokenEndpointUrl(this.#endpoint),
      clientId: this.#endpoint.clientId,
      sendCertificateChain: this.#sendCertificateChain,
      nowMs: systemClock.now() + this.#clockSkewMs,
    });
    return requestFromTokenEndpoint(this.#endpoint, assertionProof(assertion), this.description, signal);
  }

  /** Whether an assertion was refused for its time, and another clock would have made a difference. */
  #learnClock(error: unknown): boolean {
    if (!PasswordlessError.is(error) || error.rule !== "assertion-outside-validity") return false;
    const { serverTimeMs } = error.details;
    if (typeof serverTimeMs !== "number") return false;
    const skewMs = serverTimeMs - systemClock.now();
    const isNews = Math.abs(skewMs - this.#clockSkewMs) > SKEW_TOLERANCE_MS;
    this.#clockSkewMs = skewMs;
    return isNews;
  }
}
