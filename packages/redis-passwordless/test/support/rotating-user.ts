import { createIdentity } from "../../src/azure/entra-id.js";
import type { Identity } from "../../src/reauth/identity.js";
import { type RedisProcess, randomPassword, type TestContext } from "./redis-processes.js";

interface Issued {
  readonly username: string;
  readonly password: string;
}

/**
 * An identity whose tokens are users of plain Redis servers: each token is a user of its own, on all servers.
 * When it ends, the user is deleted, and Redis cuts the connections that still have it (`ACL DELUSER`), as Azure
 * cuts those whose token has ended.
 */
export class RotatingUser {
  readonly identity: Identity;
  readonly #servers: RedisProcess[];
  readonly #lifetimeMs: number;
  readonly #live = new Set<Issued>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #onEnd: (() => void)[] = [];
  #issued = 0;
  #evicted = 0;

  constructor(test: TestContext, servers: readonly RedisProcess[], lifetimeMs: number) {
    this.#servers = [...servers];
    this.#lifetimeMs = lifetimeMs;
    this.identity = createIdentity({ identityProvider: () => this.#issue() }, {});
    test.onTestFinished(async () => {
      await this.identity.close();
      for (const timer of this.#timers) clearTimeout(timer);
    });
  }

  /** Connections that were cut because their token had ended. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Who logs in with the newest token. */
  get username(): string {
    return `token-${this.#issued}`;
  }

  /** From now on the tokens are good for this server too. */
  async addServer(server: RedisProcess): Promise<void> {
    this.#servers.push(server);
    await Promise.all([...this.#live].map((issued) => admit(server, issued)));
  }

  /** Resolves when the identity has got that many more tokens. */
  async rotations(count: number): Promise<void> {
    let seen = 0;
    await new Promise<void>((resolve) => {
      const listening = this.identity.on("tokenRefreshed", () => {
        seen += 1;
        if (seen < count) return;
        listening[Symbol.dispose]();
        resolve();
      });
    });
  }

  /** The connections that any token has logged in, as `port/id`, sorted. */
  async connections(): Promise<string[]> {
    const found = await Promise.all(
      this.#servers
        .filter((server) => server.admin.isReady)
        .map(async (server) => (await server.connections(/^token-/)).map(({ id }) => `${server.port}/${id}`)),
    );
    return found.flat().sort();
  }

  /** Resolves when the next token has ended that is valid now, and its connections have been cut. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEnd.push(resolve);
    });
  }

  async #issue(): Promise<{ token: string; username: string; expiresAtMs: number }> {
    this.#issued += 1;
    const issued = { username: this.username, password: randomPassword() };
    this.#live.add(issued);
    await Promise.all(this.#servers.map((server) => admit(server, issued)));
    const expiresAtMs = Date.now() + this.#lifetimeMs;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#end(issued);
    }, this.#lifetimeMs);
    this.#timers.add(timer);
    return { token: issued.password, username: issued.username, expiresAtMs };
  }

  async #end(issued: Issued): Promise<void> {
    this.#live.delete(issued);
    await Promise.all(
      this.#servers.map(async (server) => {
        if (!server.admin.isReady) return; // Its server was stopped by the test.
        this.#evicted += (await server.connections(new RegExp(`^${issued.username}$`))).length;
        await server.command("ACL", "DELUSER", issued.username);
      }),
    );
    for (const resolve of this.#onEnd.splice(0)) resolve();
  }
}

async function admit(server: RedisProcess, { username, password }: Issued): Promise<void> {
  await server.command(
    "ACL",
    "SETUSER",
    username,
    "on",
    `>${password}`,
    "~*",
    "&*",
    "+@all",
    "-@dangerous",
    "+cluster|slots",
    "+cluster|nodes",
    "+role",
  );
}
