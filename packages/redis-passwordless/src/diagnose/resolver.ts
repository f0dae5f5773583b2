/** How names become addresses. */
export interface Resolver {
  /** All addresses, as the operating system finds them. */
  lookup(host: string): Promise<readonly { readonly address: string; readonly family: number }[]>;
  /** The name that this one is an alias of, as the name servers say. */
  cname(host: string): Promise<string | undefined>;
}

/** How long one question to a name server may take, in milliseconds: an alias is good to know, no more. */
const CNAME_TIMEOUT_MS = 1_000;

/** Node's own: `getaddrinfo` for addresses, as every client uses it, and the name servers for aliases. */
export const systemResolver: Resolver = {
  async lookup(host) {
    const { lookup } = await import("node:dns/promises");
    return lookup(host, { all: true });
  },
  async cname(host) {
    const { Resolver } = await import("node:dns/promises");
    const [alias] = await new Resolver({ timeout: CNAME_TIMEOUT_MS, tries: 1 }).resolveCname(host);
    return alias;
  },
};
