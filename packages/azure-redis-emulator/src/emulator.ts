import { randomUUID } from "node:crypto";
import { AccessAssignments } from "./access.js";
import type { Emulator, EmulatorOptions } from "./api.js";
import { FEDERATION_PATH, startAuthority } from "./authority/authority.js";
import { ENTRA_DEVICE_CODE_TIMES } from "./authority/device-codes.js";
import { SignIns } from "./authority/sign-ins.js";
import { writeCaFile } from "./certificates/ca-file.js";
import { createCertificateAuthority } from "./certificates/certificate-authority.js";
import { EmulatorClock } from "./clock.js";
import { Closers } from "./closers.js";
import { startControl } from "./control/control.js";
import { Directory } from "./directory/directory.js";
import { EventLog } from "./events/event-log.js";
import { FaultRegistry } from "./faults/fault-registry.js";
import { TokenRequests } from "./faults/token-requests.js";
import type { Imitation } from "./gateway/command-rules.js";
import { startGateway } from "./gateway/gateway.js";
import { accessKeyOf, imitationOf } from "./imitation.js";
import { decideLogin } from "./login.js";
import { APP_SERVICE_PATH, startAppService } from "./managed-identity/app-service.js";
import { startImds } from "./managed-identity/imds.js";
import { RedisFacade } from "./redis-facade.js";
import {
  type Announcement,
  announcedAddress,
  connectRedisServer,
  type RedisBackend,
  singleServer,
  startRedisCluster,
  startRedisServer,
} from "./redis-server/redis-server.js";
import { RunningEmulator } from "./running-emulator.js";
import { HOST_NAME } from "./running-node.js";
import { entraIdKey, lazySigningKey } from "./tokens/signing-keys.js";
import { TokenService } from "./tokens/token-service.js";

/** 60 minutes, the shortest life that Entra ID gives a token by default. */
const DEFAULT_TOKEN_LIFETIME_MS = 3_600_000;

/** The least with which an OSS cluster survives the loss of one. */
const DEFAULT_MASTERS = 3;

/** Azure closes connections that have been silent for 10 minutes. */
const DEFAULT_IDLE_TIMEOUT_MS = 600_000;

/**
 * Starts a local Azure: Entra ID, managed identity endpoints and a Redis gateway, all on loopback.
 *
 * @example
 * ```ts
 * await using azure = await startEmulator({ tokenLifetimeMs: 5000 });
 * const child = fork("app.js", { env: { ...process.env, ...azure.env(azure.userIdentity) } });
 * const login = await azure.waitFor("login");
 * ```
 * @throws {Error} when no redis-server can be found or reached
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const closers = new Closers();
  try {
    return await start(options, closers);
  } catch (error) {
    // What failed first is what the caller needs to hear.
    await closers.close().catch(() => undefined);
    throw error;
  }
}

async function start(options: EmulatorOptions, closers: Closers): Promise<RunningEmulator> {
  const imitation = imitationOf(options.redis);
  const accessKey = accessKeyOf(options.redis);
  const clock = new EmulatorClock();
  const directory = new Directory(
    options.tenantId ?? randomUUID(),
    options.tokenLifetimeMs ?? DEFAULT_TOKEN_LIFETIME_MS,
  );
  const events = closers.use(new EventLog());
  const faults = new FaultRegistry();
  const requests = new TokenRequests({ clock, events, faults });
  const signIns = new SignIns({
    clock,
    deviceCode: { ...ENTRA_DEVICE_CODE_TIMES, ...options.deviceCode },
    onEvent: (event) => events.append(event),
  });

  // The servers first: what else is started then knows how to close.
  const backend = closers.use(await redisBackend(options.redis, imitation));
  const [authorityCertificate, tokenKey] = await Promise.all([createCertificateAuthority(), entraIdKey()]);
  const federationKey = lazySigningKey();
  const caFile = closers.use(await writeCaFile(authorityCertificate.certificate));
  const tls = await authorityCertificate.issue([HOST_NAME]);

  let authorityPort = 0;
  const authorityHost = (): string => `https://${HOST_NAME}:${authorityPort}`;
  const tokens = new TokenService({
    clock,
    directory,
    key: tokenKey,
    version: options.tokenVersion ?? "v1",
    authorityHost,
  });
  const shared = { clock, directory, tokens, requests };
  const authority = closers.use(
    await startAuthority({ ...shared, signIns, tls, tokenKey, federationKey, authorityHost }),
  );
  authorityPort = authority.port;
  const imds = closers.use(await startImds(shared));
  const appService = closers.use(await startAppService(shared));

  const access = new AccessAssignments(directory, (objectId, policy) =>
    gateway.applyAccessPolicy(objectId, policy),
  );
  const gateway = closers.use(
    await startGateway({
      tls,
      host: "127.0.0.1",
      servers: backend.servers,
      ...(imitation && { imitation }),
      ...(accessKey && { accessKey }),
      ...(backend.cluster?.replication && { replication: backend.cluster.replication }),
      idleTimeoutMs: options.gateway?.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
      ...(options.gateway?.port !== undefined && { port: options.gateway.port }),
      verifyLogin: (username, token) =>
        decideLogin(username, token, { clock, directory, key: tokenKey, authorityHost, access }),
      now: () => clock.now(),
      onEvent: (event) => events.append(event),
    }),
  );
  const redis = new RedisFacade({
    gateway,
    backend,
    announcement: options.redis?.cluster?.announce ?? "hostname",
    certificates: authorityCertificate,
    ...(accessKey && { accessKey }),
    now: () => clock.now(),
    onEvent: (event) => events.append(event),
  });
  await backend.announce(gateway.nodes.map(({ port }) => port));

  const control = closers.use(
    await startControl({
      clock,
      ...(options.controlPort !== undefined && { port: options.controlPort }),
      emulator: () => emulator,
    }),
  );
  const emulator = new RunningEmulator({
    clock,
    directory,
    access,
    tokens,
    signIns,
    faults,
    events,
    redis,
    federationKey,
    federationIssuer: `${authorityHost()}${FEDERATION_PATH}`,
    caCertificate: authorityCertificate.certificate,
    addresses: {
      tenantId: directory.tenantId,
      caFile: caFile.path,
      authorityHost: authorityHost(),
      imdsHost: `http://127.0.0.1:${imds.port}`,
      appService: {
        endpoint: `http://127.0.0.1:${appService.port}${APP_SERVICE_PATH}`,
        header: appService.header,
      },
      redisUrl: redis.url,
      controlUrl: `http://127.0.0.1:${control.port}`,
    },
    closers,
  });
  closers.use({ close: () => access.idle() });
  await access.idle();
  return emulator;
}

type RedisOptions = NonNullable<EmulatorOptions["redis"]>;

async function redisBackend(
  { url, bin, args, cluster }: RedisOptions = {},
  imitation: Imitation | undefined,
): Promise<RedisBackend> {
  if (url !== undefined && cluster !== undefined) {
    throw new TypeError(
      'Give either "redis.url", for a server that runs, or "redis.cluster", for one to start.',
    );
  }
  if (url !== undefined && (bin !== undefined || args !== undefined)) {
    throw new TypeError('Give either "redis.url", for a server that runs, or "redis.bin" and "redis.args".');
  }
  if (url !== undefined) {
    return connectTo(url);
  }
  const options = { ...(bin !== undefined && { bin }), ...(args !== undefined && { args }) };
  if (cluster === undefined) {
    // Otherwise COPY would still reach the others of the server's 16 databases.
    const databases = imitation?.product === "managedRedis" ? ["--databases", "1"] : [];
    return singleServer(await startRedisServer({ ...options, args: [...databases, ...(args ?? [])] }));
  }
  if (imitation?.isEnterprisePolicy) {
    // One node of a cluster refuses keys of different slots by itself, also in transactions and scripts.
    return startRedisCluster({ ...options, masters: 1, announcedHost: HOST_NAME });
  }
  const { masters = DEFAULT_MASTERS, replicas = 0, announce = "hostname" } = cluster;
  if (!(Number.isInteger(masters) && masters >= 3)) {
    throw new RangeError(`"redis.cluster.masters" must be a whole number, 3 or more; got ${masters}.`);
  }
  if (!(Number.isInteger(replicas) && replicas >= 0)) {
    throw new RangeError(`"redis.cluster.replicas" must be a whole number, 0 or more; got ${replicas}.`);
  }
  assertAnnouncement(announce);
  const announcedHost = announcedAddress(announce, 0, HOST_NAME);
  return startRedisCluster({ ...options, masters, replicas, announcedHost });
}

/** Callers in JavaScript, and the command line, have not been checked by the compiler. */
function assertAnnouncement(announce: Announcement): void {
  if (["hostname", "ip", "unreachableIp"].includes(announce)) return;
  throw new RangeError(
    `"redis.cluster.announce" must be "hostname", "ip" or "unreachableIp"; got ${JSON.stringify(announce)}.`,
  );
}

async function connectTo(url: string): Promise<RedisBackend> {
  try {
    return singleServer(await connectRedisServer(url));
  } catch (error) {
    if (error instanceof Error && "code" in error && "syscall" in error) {
      // Only the host: the URL may hold a password.
      throw new Error(`No Redis server answers at ${new URL(url).host}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
