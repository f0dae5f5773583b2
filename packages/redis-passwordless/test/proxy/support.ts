import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { encodeCommand } from "resp-framing";
import { createIdentity } from "../../src/azure/entra-id.js";
import type { InstanceOptions } from "../../src/proxy/options.js";
import { type RunningProxy, startProxy } from "../../src/proxy/proxy.js";
import type { Identity } from "../../src/reauth/identity.js";
import { Frames } from "../inband/support.js";

/** A local Azure with a proxy in front of its cache. */
export class ProxiedCache implements AsyncDisposable {
  readonly azure: Emulator;
  readonly identity: Identity;
  readonly proxy: RunningProxy;

  private constructor(azure: Emulator, identity: Identity, proxy: RunningProxy) {
    this.azure = azure;
    this.identity = identity;
    this.proxy = proxy;
  }

  static async start(
    azureOptions: EmulatorOptions = {},
    instance: Partial<InstanceOptions> = {},
    lifecycle: Parameters<typeof createIdentity>[0] = {},
  ): Promise<ProxiedCache> {
    const azure = await startEmulator(azureOptions);
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
    const identity = createIdentity({ managedIdentity: true, ...lifecycle }, env);
    const { host, port } = azure.redis;
    const proxy = await startProxy({
      instances: [
        {
          name: "cache",
          server: { host, port, isEncrypted: true },
          identity,
          secureContext: createSecureContext({ ca: azure.caCertificate }),
          listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
          ...instance,
        },
      ],
    });
    return new ProxiedCache(azure, identity, proxy);
  }

  /** Where clients connect to. */
  get address(): { readonly host: string; readonly port: number } {
    const [where = ""] = this.proxy.status().instances[0]!.listening;
    const [host = "", port] = where.split(":");
    return { host, port: Number(port) };
  }

  get url(): string {
    const { host, port } = this.address;
    return `redis://${host}:${port}`;
  }

  /** A client that writes and reads bytes. */
  async raw(): Promise<RawClient> {
    const { host, port } = this.address;
    const socket = connect({ host, port });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
    await this.identity.close();
    await this.azure.close();
  }
}

/** What a client reads, frame by frame. */
export class RawClient {
  readonly socket: Socket;
  readonly #received = new Frames();
  #heard: (() => void) | undefined;
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received.feed(chunk);
      this.#heard?.();
    });
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#heard?.();
        resolve();
      });
    });
  }

  get frames(): readonly string[] {
    return this.#received.frames;
  }

  /** Writes commands in one go, as words separated by blanks. */
  write(...lines: string[]): this {
    this.socket.write(Buffer.concat(lines.map((line) => encodeCommand(line.split(" ")))));
    return this;
  }

  /** Resolves with everything read so far, once it is that many frames. */
  async read(count: number): Promise<readonly string[]> {
    while (this.frames.length < count) {
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.frames)}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    return this.frames;
  }
}
