import { expiresIn } from "../tokens/claims.js";
import type { IssuedToken } from "../tokens/token-service.js";

/** Above this, Entra ID advises when to refresh, and msal takes up the advice. */
const REFRESH_IN_ABOVE_SECONDS = 2 * 3600;

/** What every answer of the v2 token endpoint has that carries a token. */
export function tokenBody({ token, expiresAt }: IssuedToken, nowMs: number) {
  const secondsLeft = expiresIn(nowMs, expiresAt);
  return {
    token_type: "Bearer",
    expires_in: secondsLeft,
    ext_expires_in: secondsLeft,
    ...(secondsLeft > REFRESH_IN_ABOVE_SECONDS && { refresh_in: Math.floor(secondsLeft / 2) }),
    access_token: token,
  };
}
