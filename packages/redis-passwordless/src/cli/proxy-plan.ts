import cluster from "node:cluster";
import { createHash } from "node:crypto";
import { isLoopback } from "../adapters/plaintext.js";
import { type AzureConnection, azureConnection } from "../azure/connection.js";
import { PasswordlessError } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { listenAddresses } from "../proxy/config/addresses.js";
import type { TcpAddress } from "../proxy/config/listen-address.js";
import { instanceNames } from "../proxy/config/names.js";
import { type PortRange, parseNodePorts } from "../proxy/config/node-ports.js";
import type { ListenAddress } from "../proxy/listener.js";
import { type CertificateAuthorities, certificateAuthorities } from "./certificate-authorities.js";
import { connectionOptions, connectionSettings } from "./connection.js";
import { assertUsed, proxySources, readText, withCommon } from "./proxy-sources.js";
import type { Settings } from "./settings.js";
import { asUsage, statusAddressOf } from "./status-address.js";
import type { HandedSocket } from "./systemd.js";
import { UsageError } from "./usage-error.js";

/** One cache to serve, before anybody has looked for it. */
export interface InstancePlan {
  readonly name: string;
  readonly settings: Settings;
  readonly connection: AzureConnection;
  readonly ca: CertificateAuthorities | undefined;
  readonly listen: readonly ListenAddress[];
  readonly clientPassword: string | undefined;
  readonly maxClients: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly pool: number | undefined;
  readonly isSingleEndpoint: boolean;
  readonly nodePorts: PortRange | undefined;
  /** Equal for plans that say the same, file contents included. */
  readonly fingerprint: string;
}

/** What a proxy is to do. */
export interface ProxyPlan {
  readonly instances: readonly InstancePlan[];
  readonly common: Settings;
  readonly statusAddress: TcpAddress | undefined;
  readonly workers: number;
  readonly minDrainMs: number;
  readonly maxDrainMs: number;
}

const LONGEST_DRAIN_S = 3_600;
/** Kubernetes kills after 30 s. */
const DEFAULT_MAX_DRAIN_MS = 25_000;

/**
 * Reads all that says what a proxy is to do: flags, variables, the files that they name. Nobody is asked, and nothing
 * is opened.
 *
 * @throws {UsageError} naming the setting and where it stands
 * @throws {PasswordlessError} for a cache that nobody can log in to as it is described
 */
export function proxyPlan(settings: Settings, env: Environment, handed: readonly HandedSocket[]): ProxyPlan {
  const sources = proxySources(settings);
  assertUsed(sources);
  const { common } = sources;
  const instances = sources.instances.map((own) => {
    const all = withCommon(own, common);
    return { own, all, ...serverAndLogin(all, env) };
  });
  const names = asUsage(() =>
    instanceNames(
      instances.map(({ own, connection: { endpoint } }) => ({
        name: own.given("name"),
        host: endpoint.host,
        port: endpoint.port,
      })),
    ),
  );
  const sockets = handedTo(names, handed);
  const addresses = asUsage(() =>
    listenAddresses(
      instances.map(({ own, all }, index) => ({
        name: names[index] ?? "",
        listen: own.given("listen"),
        unixSocket: own.given("unix-socket"),
        unixSocketMode: all.given("unix-socket-mode"),
        handed: sockets[index] ?? [],
      })),
      { listen: common.given("listen"), unixSocket: common.given("unix-socket") },
    ),
  );
  const plans = instances.map(({ all, connection, ca }, index) =>
    instancePlan(all, { name: names[index] ?? "", connection, ca, listen: addresses[index] ?? [] }),
  );
  return { instances: plans, common, ...lifeOf(common, plans) };
}

function serverAndLogin(settings: Settings, env: Environment) {
  const flags = connectionSettings(settings, env);
  let connection: AzureConnection;
  try {
    connection = azureConnection(connectionOptions(flags, env), env);
  } catch (error) {
    const isMissing = PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_ENDPOINT_MISSING";
    if (!isMissing) throw error;
    throw new UsageError(
      "Nothing says which cache to serve: name it as an argument, HOST[:PORT], under `instances` in the file of --config, or in AZURE_REDIS_HOST.",
      { cause: error },
    );
  }
  const { host, isEncrypted } = connection.endpoint;
  if (!isEncrypted && !isLoopback(host)) {
    throw new UsageError(
      `${settings.sourceOf("endpoint")} asks for a connection without TLS to ${host}: the token would travel in clear text. Write rediss://, or the host alone.`,
    );
  }
  return { connection, ca: certificateAuthorities(settings) };
}

function instancePlan(
  settings: Settings,
  known: Pick<InstancePlan, "name" | "connection" | "ca" | "listen">,
): InstancePlan {
  const nodePorts = settings.given("node-ports");
  const clientPassword = passwordOf(settings);
  return {
    ...known,
    settings,
    clientPassword,
    maxClients: settings.number("max-clients", { least: 1, most: 1_000_000, isWhole: true }),
    connectTimeoutMs: settings.durationMs("connect-timeout", { least: 0.1, most: 300 }),
    pool: settings.number("pool", { least: 1, most: 1_000, isWhole: true }),
    isSingleEndpoint: settings.isOn("single-endpoint"),
    nodePorts: nodePorts === undefined ? undefined : asUsage(() => parseNodePorts(nodePorts)),
    fingerprint: fingerprintOf(settings, known, clientPassword),
  };
}

/** What the file of `--require-pass-file` holds, without the line break that editors leave. */
function passwordOf(settings: Settings): string | undefined {
  const path = settings.text("require-pass-file");
  if (path === undefined) return undefined;
  const source = settings.sourceOf("require-pass-file");
  const password = readText(path, source).replace(/\r?\n$/, "");
  if (password === "") throw new UsageError(`${source} names a file without a password in it: ${path}.`);
  return password;
}

/** Hashed, because of the password. */
function fingerprintOf(
  settings: Settings,
  { name, connection, ca, listen }: Pick<InstancePlan, "name" | "connection" | "ca" | "listen">,
  clientPassword: string | undefined,
): string {
  const said = [...settings.names].sort().map((flag) => [flag, settings.text(flag)]);
  const all = JSON.stringify([
    said,
    name,
    connection.endpoint.host,
    connection.endpoint.port,
    listen,
    ca?.own,
    clientPassword,
  ]);
  return createHash("sha256").update(all).digest("hex");
}

/** Sockets by the instance's name; a single instance gets all of them. */
function handedTo(names: readonly string[], handed: readonly HandedSocket[]): ListenAddress[][] {
  const addresses = (sockets: readonly HandedSocket[]) =>
    sockets.map(({ fd, name }): ListenAddress => ({ kind: "handed", fd, name }));
  if (names.length === 1) return [addresses(handed)];
  const stray = handed.find(({ name }) => !names.includes(name));
  if (stray !== undefined) {
    throw new UsageError(
      `The socket ${stray.name} that was handed over belongs to no instance: say FileDescriptorName=NAME in its unit; the instances are ${names.join(", ")}.`,
    );
  }
  return names.map((name) => addresses(handed.filter((socket) => socket.name === name)));
}

function lifeOf(common: Settings, instances: readonly InstancePlan[]) {
  const minDrainMs = common.durationMs("min-drain", { least: 0, most: LONGEST_DRAIN_S }) ?? 0;
  const given = common.durationMs("max-drain", { least: 0, most: LONGEST_DRAIN_S });
  if (given !== undefined && given < minDrainMs) {
    throw new UsageError(
      `${common.sourceOf("max-drain")} is less than ${common.sourceOf("min-drain")}: the one is the longest, the other the shortest time.`,
    );
  }
  const statusAddress = statusAddressOf(common);
  if (common.isOn("quitquitquit") && statusAddress === undefined)
    throw new UsageError(`${common.sourceOf("quitquitquit")} needs --http-address, where it is offered.`);
  assertFree(statusAddress, instances, common);
  return {
    // Of several workers none has it, but the process that has started them.
    statusAddress: cluster.isWorker ? undefined : statusAddress,
    workers: common.number("workers", { least: 1, most: 64, isWhole: true }) ?? 1,
    minDrainMs,
    maxDrainMs: given ?? Math.max(DEFAULT_MAX_DRAIN_MS, minDrainMs),
  };
}

function assertFree(
  address: TcpAddress | undefined,
  instances: readonly InstancePlan[],
  common: Settings,
): void {
  if (address === undefined || address.port === 0) return;
  const other = instances.find(({ listen }) =>
    listen.some((one) => one.kind === "tcp" && one.port === address.port),
  );
  if (other !== undefined) {
    throw new UsageError(
      `${common.sourceOf("http-address")} has port ${address.port}, and so has the instance ${other.name}: choose another port for one.`,
    );
  }
}
