/** `AccessToken` of @azure/core-auth, as far as it is used here. */
export interface CredentialAccessToken {
  readonly token: string;
  /** End of life in epoch milliseconds. */
  readonly expiresOnTimestamp: number;
  /** When to ask again, in epoch milliseconds. */
  readonly refreshAfterTimestamp?: number | undefined;
}

/** `TokenCredential` of @azure/core-auth, which every credential of @azure/identity implements. */
export interface TokenCredential {
  getToken(
    scopes: string | string[],
    options?: { abortSignal?: AbortSignal },
  ): Promise<CredentialAccessToken | null>;
}
