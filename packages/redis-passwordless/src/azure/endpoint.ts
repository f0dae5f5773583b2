import { PasswordlessError } from "../core/errors.js";
import { CLOUDS, type CloudName } from "../identity/clouds.js";
import { type Address, parsePlainAddress } from "./address.js";

/** `cacheForRedis`: Basic, Standard and Premium. `enterprise`: Enterprise and Enterprise Flash. */
export type AzureProduct = "managedRedis" | "cacheForRedis" | "enterprise" | "unknown";

/** A server, and what its name says of it. */
export interface AzureEndpoint {
  readonly host: string;
  readonly port: number;
  /** Always, except where an address of no Azure cache asks for plaintext. */
  readonly isEncrypted: boolean;
  /** Name for SNI and the verification of the certificate: the host. */
  readonly serverName: string;
  /**
   * By the host's suffix, which does not prove it: Azure can point the name of an Azure Cache for Redis at the
   * Azure Managed Redis that has replaced it.
   */
  readonly product: AzureProduct;
  /** By the host's suffix; `"public"` for hosts that are none of Azure's. */
  readonly cloud: CloudName;
  /** Where the cloud logs in, such as `https://login.microsoftonline.com`. */
  readonly authorityHost: string;
  /** Scope of a token for Redis in this cloud. */
  readonly scope: string;
  /** Whether Microsoft Entra ID can log in there: not on Enterprise and Enterprise Flash. */
  readonly supportsEntraId: boolean;
  /** For humans: what is worth knowing of this endpoint. */
  readonly notes: readonly string[];
}

type KnownProduct = Exclude<AzureProduct, "unknown">;

/**
 * The names that Azure gives to its caches.
 * @see https://github.com/Azure/Microsoft.Azure.StackExchangeRedis — `GetSslPort` of its sample
 * @see https://github.com/StackExchange/StackExchange.Redis — `AzureOptionsProvider`, `AzureManagedRedisOptionsProvider`
 */
const SUFFIXES: readonly (readonly [suffix: string, product: KnownProduct, cloud: CloudName])[] = [
  [".redis.cache.windows.net", "cacheForRedis", "public"],
  [".redis.cache.usgovcloudapi.net", "cacheForRedis", "usgov"],
  [".redis.cache.chinacloudapi.cn", "cacheForRedis", "china"],
  [".redis.cache.sovcloud-api.fr", "cacheForRedis", "bleu"],
  [".redis.cache.sovcloud-api.de", "cacheForRedis", "delos"],
  [".redisenterprise.cache.azure.net", "enterprise", "public"],
  [".redis.azure.net", "managedRedis", "public"],
  [".redis.usgovcloudapi.net", "managedRedis", "usgov"],
  [".redis.chinacloudapi.cn", "managedRedis", "china"],
  [".redis.sovcloud-api.fr", "managedRedis", "bleu"],
  [".redis.sovcloud-api.de", "managedRedis", "delos"],
  [".redis.sovcloud-api.sg", "managedRedis", "govsg"],
];

/** Port for TLS. @see https://learn.microsoft.com/azure/redis/migrate/migrate-basic-standard-premium-understand */
const DEFAULT_PORTS: Readonly<Record<KnownProduct, number>> = {
  managedRedis: 10_000,
  enterprise: 10_000,
  cacheForRedis: 6380,
};
const PLAINTEXT_PORT = 6379;

/** @see https://learn.microsoft.com/azure/azure-cache-for-redis/retirement-faq */
export const ENTERPRISE_RETIREMENT =
  "Enterprise and Enterprise Flash have no Microsoft Entra ID and are retired on 31 March 2027.";

/**
 * Tells what an address says of a cache: its product and cloud, port, where its tokens come from. Pure; nobody is asked.
 *
 * Without a port, Azure's names get 10000 (Azure Managed Redis, Enterprise) or 6380 (Azure Cache for Redis). Any other
 * host, such as the emulator's, is `"unknown"` and needs a port.
 *
 * @param text `host`, `host:port`, `rediss://host[:port][/0]`; IPv6 addresses in brackets
 * @param option what the text is called in errors
 *
 * @example
 * ```ts
 * azureEndpoint("my-cache.westus3.redis.azure.net").port; // 10000
 * ```
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`; `ERR_PASSWORDLESS_URL_CREDENTIALS` for user names and
 * passwords; `ERR_PASSWORDLESS_PLAINTEXT_REFUSED` for `redis://` or port 6379 of an Azure cache;
 * `ERR_PASSWORDLESS_PRIVATE_LINK_NAME`
 */
export function azureEndpoint(text: string, option = "endpoint"): AzureEndpoint {
  return endpointOf(parsePlainAddress(text, option), option);
}

/**
 * The same for an address that is read already.
 *
 * @param portOption where a missing port can be given
 */
export function endpointOf(
  { host, port, isEncrypted = true }: Pick<Address, "host" | "port" | "isEncrypted">,
  option: string,
  portOption = option,
): AzureEndpoint {
  const [suffix, product = "unknown", cloud = "public"] =
    SUFFIXES.find(([name]) => host.endsWith(name)) ?? [];
  assertPublicName(host, suffix ?? privateSuffixOf(host), option);
  if (product === "unknown" && port === undefined) {
    throw portMissing(host, option, portOption);
  }
  if (product !== "unknown" && (!isEncrypted || port === PLAINTEXT_PORT)) {
    throw plaintextError(host, isEncrypted ? `port ${PLAINTEXT_PORT}` : "a connection without TLS", product);
  }
  const { authorityHost, scope } = CLOUDS[cloud];
  return {
    host,
    // The port of an unknown host was checked above.
    port: port ?? DEFAULT_PORTS[product as KnownProduct],
    isEncrypted,
    serverName: host,
    product,
    cloud,
    authorityHost,
    scope,
    supportsEntraId: product !== "enterprise",
    notes: notesOn(host, port, product),
  };
}

/** What a host's name says of it. */
export function productOf(host: string): AzureProduct {
  const name = host.toLowerCase().replace(/\.$/, "");
  return SUFFIXES.find(([suffix]) => name.endsWith(suffix))?.[1] ?? "unknown";
}

/** `host`, with an IPv6 address in brackets. */
export function display(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** A private zone has the label before the suffix, or, as zones of Enterprise once had it, further in. */
function privateSuffixOf(host: string): string | undefined {
  const name = withoutPrivateLink(host);
  return SUFFIXES.find(([suffix]) => name.endsWith(suffix) || `.${name}` === suffix)?.[0];
}

function assertPublicName(host: string, suffix: string | undefined, option: string): void {
  if (suffix === undefined || !`.${host}`.includes(".privatelink.")) return;
  const publicName = withoutPrivateLink(host);
  const isZone = `.${publicName}` === suffix;
  throw new PasswordlessError("ERR_PASSWORDLESS_PRIVATE_LINK_NAME", {
    message: `\`${option}\` is ${host}, a name of a private DNS zone, which the cache's certificate does not cover.`,
    remedy: isZone
      ? `Use the cache's own name, which ends in \`${suffix}\`: inside the virtual network it resolves to the private address by itself.`
      : `Use \`${publicName}\`: inside the virtual network it resolves to the private address by itself.`,
    details: { option, host, ...(isZone ? {} : { publicName }) },
  });
}

function portMissing(host: string, option: string, portOption: string): PasswordlessError {
  const address = `\`${display(host)}:6380\``;
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message: `\`${option}\` names the host ${host} without a port: only the names of Azure's caches have a default.`,
    remedy:
      portOption === option
        ? `Write a port behind it, such as ${address}.`
        : `Set \`${portOption}\`, or write a port behind the host, such as ${address}.`,
    details: { option: portOption },
  });
}

function withoutPrivateLink(host: string): string {
  return `.${host}`.replaceAll(".privatelink.", ".").slice(1);
}

function plaintextError(host: string, what: string, product: KnownProduct): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_PLAINTEXT_REFUSED", {
    message: `The address of ${host} asks for ${what}: Azure refuses logins with Microsoft Entra ID there, and a key would travel in clear text.`,
    remedy: `Use \`rediss://${host}:${DEFAULT_PORTS[product]}\`.`,
    details: { endpoint: host },
  });
}

function notesOn(host: string, port: number | undefined, product: AzureProduct): string[] {
  if (product === "enterprise") return [`${ENTERPRISE_RETIREMENT} Access keys log in until then.`];
  if (product === "cacheForRedis") {
    const moved = port === DEFAULT_PORTS.managedRedis ? `Port ${port} is that of Azure Managed Redis. ` : "";
    return [
      `${moved}The name is one of Azure Cache for Redis, which is retired on 30 September 2028; after a migration it may be answered by Azure Managed Redis.`,
    ];
  }
  if (product === "managedRedis" && port === DEFAULT_PORTS.cacheForRedis) {
    return [`Port ${port} is that of Azure Cache for Redis; Azure Managed Redis listens on 10000.`];
  }
  const isAddress = host.includes(":") || /^\d+(?:\.\d+){3}$/.test(host);
  if (isAddress && host !== "::1" && !host.startsWith("127.")) {
    return ["The host is an IP address, which no certificate of Azure's covers: use the cache's name."];
  }
  return [];
}
