import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { encodeCommand } from "resp-framing";
import { freePort } from "../../support/redis-processes.js";
import { seed } from "./fixtures.js";
import { readReplies } from "./reply.js";
import { ServerAdmin } from "./server-admin.js";

/** The same in every world, so that `ACL WHOAMI` is too. */
const OBJECT_ID = "6f3c1e5a-2b7d-4c90-8e11-5a0d9b7c4e21";

/** A cache in the emulator, and one way to it. */
export interface World {
  readonly name: string;
  readonly azure: Emulator;
  readonly admin: ServerAdmin;
  /** A connection of a client that may send its first command now; nothing of it has been read. */
  connect(): Promise<Duplex>;
  /** User name and password of a login that is accepted. */
  login(): Promise<readonly [username: string, password: string]>;
  /** Puts the server into the state that every run begins with. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Life of tokens in milliseconds. @default that of the emulator, an hour */
  readonly tokenLifetimeMs?: number;
}

/** A cache with one identity that may do everything. */
export async function startCache({ tokenLifetimeMs }: WorldOptions = {}): Promise<{
  readonly azure: Emulator;
  readonly objectId: string;
  readonly clientId: string;
}> {
  const azure = await startEmulator(tokenLifetimeMs === undefined ? {} : { tokenLifetimeMs });
  const identity = azure.addManagedIdentity({ kind: "user", objectId: OBJECT_ID, accessPolicy: "default" });
  // It is assigned in the background.
  await azure.assign(OBJECT_ID, "default");
  return { azure, objectId: OBJECT_ID, clientId: identity.clientId };
}

/** Clients connect to the gateway themselves, with TLS, and log in. */
export async function directWorld(): Promise<World> {
  const { azure } = await startCache();
  return makeWorld(
    "direct",
    azure,
    async () => logIn(await dialGateway(azure), azure),
    async () => {},
  );
}

/** Clients connect to the server itself, past the gateway: what differs from `directWorld` is the gateway's doing. */
export async function serverWorld(): Promise<World> {
  const { azure } = await startCache();
  const password = randomUUID();
  const connect = async (): Promise<Duplex> => {
    const socket = await dial(Number(new URL(azure.redis.backendUrl).port));
    return greeted(socket, ["AUTH", OBJECT_ID, password]);
  };
  const world = await makeWorld("server", azure, connect, async () => {});
  await world.admin.run([["ACL", "SETUSER", OBJECT_ID, `>${password}`]]);
  return { ...world, login: async () => [OBJECT_ID, password] };
}

/** Clients connect to a haproxy that adds TLS, and log in: a relay that is known to be transparent. */
export async function haproxyWorld(): Promise<World> {
  const { azure } = await startCache();
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "redis-passwordless-"));
  const file = join(folder, "haproxy.cfg");
  const lines = [
    "defaults",
    "  mode tcp",
    "  timeout connect 10s",
    "  timeout client 1h",
    "  timeout server 1h",
    "listen redis",
    `  bind 127.0.0.1:${port}`,
    `  server redis 127.0.0.1:${azure.redis.port} ssl verify required ca-file ${azure.caFile} sni str(localhost) verifyhost localhost`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const relay = spawn("haproxy", ["-db", "-f", file], { stdio: "ignore" });
  await listening(relay, port);
  return makeWorld(
    "haproxy",
    azure,
    async () => logIn(await dial(port), azure),
    async () => {
      relay.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  );
}

/** A world around a cache, with a way in. */
export async function makeWorld(
  name: string,
  azure: Emulator,
  connect: () => Promise<Duplex>,
  closeRelay: () => Promise<void>,
): Promise<World> {
  const admin = await ServerAdmin.connect(azure.redis.backendUrl);
  return {
    name,
    azure,
    admin,
    connect,
    login: async () => [OBJECT_ID, await azure.issueToken(OBJECT_ID)],
    reset: () => seed(admin),
    close: async () => {
      admin.close();
      await closeRelay();
      await azure.close();
    },
  };
}

/** A TCP connection to a relay on this machine. */
export async function dial(port: number): Promise<Duplex> {
  const socket = connectTcp({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

async function dialGateway(azure: Emulator): Promise<Duplex> {
  const socket = tls.connect({
    host: "localhost",
    port: azure.redis.port,
    servername: "localhost",
    ca: azure.caCertificate,
  });
  socket.setNoDelay(true);
  await once(socket, "secureConnect");
  return socket;
}

async function logIn(socket: Duplex, azure: Emulator): Promise<Duplex> {
  return greeted(socket, ["AUTH", OBJECT_ID, await azure.issueToken(OBJECT_ID)]);
}

async function greeted(socket: Duplex, login: readonly string[]): Promise<Duplex> {
  socket.write(encodeCommand(login));
  let received = "";
  while (readReplies(received).replies.length === 0) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received += chunk.toString("latin1");
  }
  socket.pause();
  socket.removeAllListeners("data");
  if (received !== "+OK\r\n") throw new Error(`The login was refused: ${received}`);
  return socket;
}

/** Resolves when somebody listens there. */
async function listening(relay: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (relay.exitCode !== null) throw new Error(`The relay has ended with ${relay.exitCode}`);
    const socket = await dial(port).catch(() => undefined);
    if (socket !== undefined) {
      socket.destroy();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
