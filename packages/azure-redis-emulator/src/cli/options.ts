import { parseArgs } from "node:util";
import type { EmulatorOptions, ManagedIdentityEndpoint } from "../api.js";
import { parseDuration } from "./duration.js";

/** Which of the default identities the printed environment is for. */
export type IdentityChoice = "system" | "user" | "servicePrincipal" | "developer";

export type CliCommand =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | {
      readonly name: "start";
      readonly isJson: boolean;
      readonly identity: IdentityChoice;
      readonly managedIdentityEndpoint: ManagedIdentityEndpoint;
      /** Whether the environment has Service Connector's variables. */
      readonly hasServiceConnector: boolean;
      readonly emulator: EmulatorOptions;
    };

/** A flag or variable that cannot be used as it is. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UsageError";
  }
}

const FLAGS = {
  json: { type: "boolean" },
  identity: { type: "string" },
  endpoint: { type: "string" },
  "token-lifetime": { type: "string" },
  "token-version": { type: "string" },
  "tenant-id": { type: "string" },
  port: { type: "string" },
  "control-port": { type: "string" },
  "idle-timeout": { type: "string" },
  "redis-url": { type: "string" },
  "redis-bin": { type: "string" },
  product: { type: "string" },
  cluster: { type: "string" },
  "cluster-policy": { type: "string" },
  "cluster-replicas": { type: "string" },
  "cluster-announce": { type: "string" },
  "service-connector": { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

type Flag = keyof typeof FLAGS;
type ClusterOptions = NonNullable<NonNullable<EmulatorOptions["redis"]>["cluster"]>;

const IDENTITIES: Readonly<Record<string, IdentityChoice>> = {
  system: "system",
  user: "user",
  "service-principal": "servicePrincipal",
  developer: "developer",
};
const ENDPOINTS: Readonly<Record<string, ManagedIdentityEndpoint>> = {
  imds: "imds",
  "app-service": "appService",
};
const TOKEN_VERSIONS: Readonly<Record<string, "v1" | "v2">> = { v1: "v1", v2: "v2" };

const ANNOUNCEMENTS: Readonly<Record<string, "hostname" | "ip" | "unreachableIp">> = {
  hostname: "hostname",
  ip: "ip",
  "unreachable-ip": "unreachableIp",
};

const PRODUCTS: Readonly<Record<string, "managedRedis" | "cacheForRedis">> = {
  "managed-redis": "managedRedis",
  "cache-for-redis": "cacheForRedis",
};
const POLICIES: Readonly<Record<string, "oss" | "enterprise">> = { oss: "oss", enterprise: "enterprise" };

/** `--token-lifetime` is `AZURE_REDIS_EMULATOR_TOKEN_LIFETIME`. */
export function variableOf(flag: string): string {
  return `AZURE_REDIS_EMULATOR_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * Reads the command line; a flag wins over its variable.
 *
 * @throws {UsageError} naming the flag or variable, what it takes and what it got
 */
export function parseCommandLine(args: readonly string[], env: NodeJS.ProcessEnv): CliCommand {
  const values = parseFlags(args);
  if (values.help) {
    return { name: "help" };
  }
  if (values.version) {
    return { name: "version" };
  }
  const setting = (flag: Flag): Setting | undefined => {
    const fromFlag = values[flag];
    const fromEnv = env[variableOf(flag)];
    if (fromFlag !== undefined) {
      return { source: `--${flag}`, value: String(fromFlag) };
    }
    return fromEnv ? { source: variableOf(flag), value: fromEnv } : undefined;
  };

  const tokenLifetimeMs = duration(setting("token-lifetime"));
  const idleTimeoutMs = duration(setting("idle-timeout"));
  const tokenVersion = choice(setting("token-version"), TOKEN_VERSIONS);
  const tenantId = setting("tenant-id")?.value;
  const port = portNumber(setting("port"));
  const controlPort = portNumber(setting("control-port"));
  const url = setting("redis-url")?.value;
  const bin = setting("redis-bin")?.value;
  if (url !== undefined && bin !== undefined) {
    throw new UsageError(
      "Give --redis-url, for a server that runs, or --redis-bin, for one to start; not both.",
    );
  }
  const product = choice(setting("product"), PRODUCTS);
  const cluster = clusterOf(setting);
  if (url !== undefined && cluster !== undefined) {
    const flag = cluster.masters === undefined ? "--cluster-policy" : "--cluster";
    throw new UsageError(`Give --redis-url, for a server that runs, or ${flag}, for one to start; not both.`);
  }
  return {
    name: "start",
    isJson: flagIsSet(setting("json")),
    identity: choice(setting("identity"), IDENTITIES) ?? "system",
    managedIdentityEndpoint: choice(setting("endpoint"), ENDPOINTS) ?? "imds",
    hasServiceConnector: flagIsSet(setting("service-connector")),
    emulator: {
      ...(tokenLifetimeMs !== undefined && { tokenLifetimeMs }),
      ...(tokenVersion !== undefined && { tokenVersion }),
      ...(tenantId !== undefined && { tenantId }),
      ...(controlPort !== undefined && { controlPort }),
      redis: {
        ...(url !== undefined && { url }),
        ...(bin !== undefined && { bin }),
        ...(product !== undefined && { product }),
        ...(cluster !== undefined && { cluster }),
      },
      gateway: { ...(port !== undefined && { port }), ...(idleTimeoutMs !== undefined && { idleTimeoutMs }) },
    },
  };
}

/** The cluster that the flags ask for, if they do. */
function clusterOf(setting: (flag: Flag) => Setting | undefined): ClusterOptions | undefined {
  const policy = choice(setting("cluster-policy"), POLICIES);
  const masters = nodeCount(setting("cluster"), { of: "masters", least: 3 });
  const replicas = nodeCount(setting("cluster-replicas"), { of: "replicas", least: 0 });
  const announce = choice(setting("cluster-announce"), ANNOUNCEMENTS);
  const ofNodes = (["cluster", "cluster-replicas", "cluster-announce"] as const).filter(setting);
  if (policy === "enterprise" && ofNodes.length > 0) {
    throw new UsageError(
      `Leave out --${ofNodes[0]!}, or choose --cluster-policy oss: with enterprise there is one endpoint.`,
    );
  }
  if (policy === undefined && masters === undefined) {
    const [flag] = ofNodes;
    if (flag !== undefined) throw new UsageError(`--${flag} goes together with --cluster.`);
    return undefined;
  }
  return {
    ...(policy !== undefined && { policy }),
    ...(masters !== undefined && { masters }),
    ...(replicas !== undefined && { replicas }),
    ...(announce !== undefined && { announce }),
  };
}

interface Setting {
  /** `--port` or `AZURE_REDIS_EMULATOR_PORT`. */
  readonly source: string;
  readonly value: string;
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "The flags cannot be read.", {
      cause: error,
    });
  }
}

function flagIsSet(setting: Setting | undefined): boolean {
  if (setting && !["true", "false", "1", "0"].includes(setting.value)) {
    throw new UsageError(`${setting.source} takes true or false; got "${setting.value}".`);
  }
  return setting?.value === "true" || setting?.value === "1";
}

function choice<T>(setting: Setting | undefined, values: Readonly<Record<string, T>>): T | undefined {
  if (!setting) {
    return undefined;
  }
  if (!Object.hasOwn(values, setting.value)) {
    throw new UsageError(
      `${setting.source} takes ${Object.keys(values).join(", ")}; got "${setting.value}".`,
    );
  }
  return values[setting.value];
}

function portNumber(setting: Setting | undefined): number | undefined {
  if (!setting) {
    return undefined;
  }
  const port = Number(setting.value);
  if (!/^\d+$/.test(setting.value) || port > 65_535) {
    throw new UsageError(`${setting.source} takes a port number from 0 to 65535; got "${setting.value}".`);
  }
  return port;
}

function nodeCount(
  setting: Setting | undefined,
  { of, least }: { readonly of: string; readonly least: number },
): number | undefined {
  if (!setting) {
    return undefined;
  }
  if (!/^\d+$/.test(setting.value) || Number(setting.value) < least) {
    throw new UsageError(
      `${setting.source} takes a number of ${of}, ${least} or more; got "${setting.value}".`,
    );
  }
  return Number(setting.value);
}

function duration(setting: Setting | undefined): number | undefined {
  if (!setting) {
    return undefined;
  }
  const durationMs = parseDuration(setting.value);
  if (durationMs === undefined) {
    throw new UsageError(`${setting.source} takes a duration such as 90s, 5m or 1h; got "${setting.value}".`);
  }
  return durationMs;
}
