import { ClientDesk } from "../../../src/proxy/client-desk.js";
import { withSharedReads } from "../../../src/proxy/io/shared-reads.js";
import type { Listener } from "../../../src/proxy/listener.js";
import { CommandTable } from "../../../src/proxy/shared/command-table.js";
import type { Server } from "../../../src/proxy/shared/pinned-channel.js";
import { Pool, type PoolOptions } from "../../../src/proxy/shared/pool.js";
import { PooledClient } from "../../../src/proxy/shared/pooled-client.js";
import { Pooling } from "../../../src/proxy/shared/pooling.js";
import { NEVER_DUE } from "../../inband/support.js";
import { listen } from "../../support/listen.js";
import type { TestContext } from "../../support/redis-processes.js";
import { Bench } from "./support.js";
import { Wire } from "./wire.js";

/** A listener whose clients share a few connections to one server. */
export class PooledServer {
  readonly pool: Pool;
  readonly clients = new Set<PooledClient>();
  readonly #listener: Listener;

  private constructor(pool: Pool, clients: Set<PooledClient>, listener: Listener) {
    this.pool = pool;
    this.clients = clients;
    this.#listener = listener;
  }

  static async over(
    test: TestContext,
    server: Server,
    options: Partial<PoolOptions> & { readonly password?: string; readonly table?: CommandTable } = {},
  ): Promise<PooledServer> {
    const { password, table = CommandTable.known(), ...rest } = options;
    const pool = new Pool({ server, size: 2, ...rest });
    const pooling = new Pooling(table);
    const clients = new Set<PooledClient>();
    const listener = await listen((socket) => {
      const client = new PooledClient({
        client: withSharedReads(socket),
        pool,
        pooling,
        desk: new ClientDesk(password),
      });
      clients.add(client);
      void client.ended.then(() => clients.delete(client));
    });
    test.onTestFinished(async () => {
      for (const client of clients) client.destroy("closing");
      pool.close();
      await listener.close();
    });
    return new PooledServer(pool, clients, listener);
  }

  /** Over a plain server with one user. */
  static async start(
    test: TestContext,
    options?: Parameters<typeof PooledServer.over>[2],
  ): Promise<{ bench: Bench; proxy: PooledServer }> {
    const bench = await Bench.start(test);
    return { bench, proxy: await PooledServer.over(test, serverOf(bench), options) };
  }

  get port(): number {
    return this.#listener.port ?? 0;
  }

  client(): Promise<Wire> {
    return Wire.dial(this.port);
  }
}

export function serverOf(bench: Bench): Server {
  return { label: bench.label, reauthenticator: NEVER_DUE, connect: () => bench.dial(), keep: () => {} };
}

/** How many connections of the user the server has. */
export async function connectionsOf(bench: Bench): Promise<number> {
  return (await bench.server.connections(/^somebody$/)).length;
}
