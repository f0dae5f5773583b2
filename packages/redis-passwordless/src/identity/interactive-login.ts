import { systemClock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import type { CredentialAccessToken, TokenCredential } from "./credential.js";

/**
 * How long a person has to sign in, in milliseconds: as long as a device code of Microsoft Entra ID lives.
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 */
export const INTERACTIVE_TIMEOUT_MS = 900_000;

/**
 * Whether the credential may ask a person to sign in: then it has a method to ask at once (`authenticate` of
 * `DeviceCodeCredential` and `InteractiveBrowserCredential`).
 */
export function isInteractive(credential: TokenCredential): boolean {
  return typeof (credential as { authenticate?: unknown }).authenticate === "function";
}

interface Login {
  readonly token: Promise<CredentialAccessToken | null>;
  readonly abandon: AbortController;
  readonly startedAtMs: number;
}

/**
 * One sign-in at a time: whoever asks while a person is signing in waits for the same sign-in, instead of showing
 * another code or another browser window. A request that has timed out leaves it open for the next one.
 */
export class InteractiveLogin {
  readonly #credential: TokenCredential;
  #open: Login | undefined;

  constructor(credential: TokenCredential) {
    this.#credential = credential;
  }

  /** A token for this scope. @throws the signal's reason when it aborts, and what the credential throws */
  async getToken(scope: string, signal: AbortSignal): Promise<CredentialAccessToken | null> {
    const login = this.#current(scope);
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = (): void => {
        // Nobody waits any more, and nobody will: the credential may stop asking.
        if (!isTimeout(signal.reason)) login.abandon.abort(signal.reason);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const stop = (): void => signal.removeEventListener("abort", onAbort);
      login.token.then(stop, stop);
    });
    return Promise.race([login.token, aborted]);
  }

  #current(scope: string): Login {
    const nowMs = systemClock.now();
    if (this.#open !== undefined && nowMs - this.#open.startedAtMs < INTERACTIVE_TIMEOUT_MS)
      return this.#open;
    const abandon = new AbortController();
    const token = Promise.resolve(this.#credential.getToken(scope, { abortSignal: abandon.signal }));
    const login = { token, abandon, startedAtMs: nowMs };
    this.#open = login;
    const close = (): void => {
      if (this.#open === login) this.#open = undefined;
    };
    token.then(close, close);
    return login;
  }
}

/** The request's own limit, after which it is repeated; anything else ends it. */
function isTimeout(reason: unknown): boolean {
  return PasswordlessError.is(reason) && reason.code === "ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT";
}
