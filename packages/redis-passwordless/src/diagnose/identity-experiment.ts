import { decodeClaims } from "../identity/claims.js";
import { createIdentityProvider } from "../identity/create.js";
import { isGuid } from "../identity/guid.js";
import { type Environment, variable } from "../identity/managed-identity-source.js";
import type { IdentityOptions, ManagedIdentitySelector } from "../identity/options.js";
import type { IdentityKind } from "../identity/plan.js";
import type { Examination } from "./examination.js";
import { within } from "./time-limit.js";

type Selector = "clientId" | "objectId" | "resourceId" | "none";

/** How a managed identity was asked for. */
export interface IdAsked {
  readonly selector: Selector;
  readonly id: string | undefined;
}

const LIMIT_MS = 2_000;

/** What names the managed identity; `undefined` when it is none. */
export function idAsked(options: IdentityOptions, env: Environment, kind: IdentityKind): IdAsked | undefined {
  if (kind !== "managedIdentity" && kind !== "ambient") return undefined;
  const { clientId, objectId, resourceId, managedIdentity } = options;
  const given: ManagedIdentitySelector =
    typeof managedIdentity === "object" ? managedIdentity : { clientId, objectId, resourceId };
  for (const selector of ["clientId", "objectId", "resourceId"] as const) {
    if (given[selector] !== undefined) return { selector, id: given[selector] };
  }
  const fromEnvironment = managedIdentity === undefined ? variable(env, "AZURE_CLIENT_ID") : undefined;
  return fromEnvironment === undefined
    ? { selector: "none", id: undefined }
    : { selector: "clientId", id: fromEnvironment };
}

/**
 * Asks the managed identity endpoint for the same ID as every other kind; the one that it knows it by. The tokens
 * are read and dropped.
 */
export async function kindThatWorks(
  { clock, env }: Examination,
  options: IdentityOptions,
  { selector, id = "" }: IdAsked,
  signal: AbortSignal,
): Promise<Selector | undefined> {
  const { clientId: _c, objectId: _o, resourceId: _r, managedIdentity: _m, ...rest } = options;
  const others: readonly (readonly [Selector, true | ManagedIdentitySelector])[] = [
    ...(selector !== "clientId" && isGuid(id) ? [["clientId", { clientId: id }] as const] : []),
    ...(selector !== "objectId" && isGuid(id) ? [["objectId", { objectId: id }] as const] : []),
    ...(selector !== "resourceId" && id.startsWith("/") ? [["resourceId", { resourceId: id }] as const] : []),
    ["none", true],
  ];
  const answers = await Promise.all(
    others.map(async ([kind, managedIdentity]) => {
      try {
        const provider = createIdentityProvider({ ...rest, managedIdentity }, env);
        const { token } = await within(clock, LIMIT_MS, signal, (signal) =>
          provider.requestToken({ signal }),
        );
        // Without an ID any identity may answer: it must be the one that was meant.
        return kind !== "none" || isOf(token, id) ? kind : undefined;
      } catch {
        return undefined;
      }
    }),
  );
  return answers.find((kind) => kind !== undefined);
}

function isOf(token: string, id: string): boolean {
  const { oid, appid, azp, xms_mirid } = decodeClaims(token);
  return [oid, appid, azp, xms_mirid].some((own) => own?.toLowerCase() === id.toLowerCase());
}
