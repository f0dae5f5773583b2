import type { IdentitySelector } from "../directory/directory.js";

/** The parameter names under which an endpoint takes each kind of identifier. */
export interface SelectorNames {
  readonly clientId: readonly string[];
  readonly objectId: readonly string[];
  readonly resourceId: readonly string[];
}

/** The identity that the query names; an empty parameter names none, as on Azure. */
export function selectorFrom(query: URLSearchParams, names: SelectorNames): IdentitySelector {
  const first = (aliases: readonly string[]): string | undefined =>
    aliases.map((name) => query.get(name)).find((value): value is string => Boolean(value));
  const clientId = first(names.clientId);
  const objectId = first(names.objectId);
  const resourceId = first(names.resourceId);
  return {
    ...(clientId !== undefined && { clientId }),
    ...(objectId !== undefined && { objectId }),
    ...(resourceId !== undefined && { resourceId }),
  };
}
