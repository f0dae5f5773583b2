import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import type { CertificateSource } from "./certificate.js";
import {
  assertionProof,
  requestFromTokenEndpoint,
  type TokenEndpoint,
  tokenEndpointUrl,
} from "./token-endpoint.js";

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
    // Loaded with the first use only: it brings node:crypto along.
    const { loadCertificate, signAssertion } = await import("./certificate.js");
    const certificate = await loadCertificate(this.#source);
    const assertion = signAssertion(certificate, {
      audience: tokenEndpointUrl(this.#endpoint),
      clientId: this.#endpoint.clientId,
      sendCertificateChain: this.#sendCertificateChain,
    });
    return requestFromTokenEndpoint(this.#endpoint, assertionProof(assertion), this.description, signal);
  }
}
