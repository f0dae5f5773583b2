import { readFile } from "node:fs/promises";
import type { PasswordlessError } from "../core/errors.js";
import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import { sanitiseCause } from "../core/sanitise.js";
import type { TokenResponse } from "../core/token.js";
import { assertionProof, requestFromTokenEndpoint, type TokenEndpoint } from "./token-endpoint.js";
import { tokenError } from "./token-error.js";

/**
 * Workload identity federation: a token that another issuer (Kubernetes, GitHub, …) wrote into a file is exchanged
 * for one of Entra ID. The file is read for each exchange, because the issuer replaces it.
 *
 * @see https://learn.microsoft.com/azure/aks/workload-identity-overview
 */
export class WorkloadIdentityProvider implements IdentityProvider {
  readonly description: string;
  readonly #endpoint: TokenEndpoint;
  readonly #file: string;

  constructor(endpoint: TokenEndpoint, federatedTokenFile: string, description: string) {
    this.description = description;
    this.#endpoint = endpoint;
    this.#file = federatedTokenFile;
  }

  async requestToken({ signal }: TokenRequest): Promise<TokenResponse> {
    const assertion = await this.#readAssertion(signal);
    return requestFromTokenEndpoint(this.#endpoint, assertionProof(assertion), this.description, signal);
  }

  async #readAssertion(signal: AbortSignal): Promise<string> {
    let text: string;
    try {
      text = await readFile(this.#file, { encoding: "utf8", signal });
    } catch (error) {
      signal.throwIfAborted();
      const { code } = error as NodeJS.ErrnoException;
      throw this.#unreadable(`cannot be read (${code ?? "unknown error"})`, error);
    }
    const assertion = text.trim();
    if (assertion === "") throw this.#unreadable("is empty");
    return assertion;
  }

  #unreadable(what: string, cause?: unknown): PasswordlessError {
    return tokenError("ERR_PASSWORDLESS_FEDERATED_TOKEN_UNREADABLE", {
      message: `The federated token file ${this.#file} ${what}.`,
      facts: { file: this.#file },
      ...(cause === undefined ? {} : { cause: sanitiseCause(cause) }),
    });
  }
}
