import type { Emulator } from "azure-redis-emulator";
import { TOKEN_LIFETIME_MS } from "./lifetimes.js";

/** Outages are shares of a lifetime; below this, the second that a recovery may take would be all that is left of it. */
export const OUTAGE_LIFETIME_MS = Math.max(TOKEN_LIFETIME_MS, 8_000);

/** Resolves after this many milliseconds: how long an outage lasts is its subject. */
export function passed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * Has the identity provider answer 500 for 60 % of a lifetime, across the refresh; lasts until another token has come
 * after that. Resolves with how long the first token took once the provider was healthy again, in milliseconds.
 */
export async function endureOutage(cache: {
  readonly azure: Emulator;
  rotations(count: number): Promise<void>;
}): Promise<number> {
  await passed(0.25 * OUTAGE_LIFETIME_MS);
  const fault = cache.azure.injectFault("imds", { kind: "status", status: 500 });
  await passed(0.6 * OUTAGE_LIFETIME_MS);
  const healedAt = performance.now();
  const refreshed = cache.rotations(1);
  fault.remove();
  await refreshed;
  const recoveredAfterMs = performance.now() - healedAt;
  await cache.rotations(1);
  return recoveredAfterMs;
}
