import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity } from "../../src/azure/entra-id.js";
import { PasswordlessError } from "../../src/core/errors.js";
import { type Explanation, explain } from "../../src/explain/explain.js";
import type { Identity } from "../../src/reauth/identity.js";
import { type Application, BROKEN_APPLICATIONS } from "./same-through-clients.js";

let single: Emulator;
let cluster: Emulator;
/** Redis waits for more of what it takes for a command, or says that it is none. This one always says so. */
const plaintext = createServer((socket) => {
  socket.on("error", () => {}).once("data", () => socket.end("-ERR Protocol error\r\n"));
});

beforeAll(async () => {
  [single, cluster] = await Promise.all([
    startEmulator(),
    startEmulator({ redis: { cluster: { masters: 3, announce: "ip" } } }),
    once(plaintext.listen(0, "localhost"), "listening"),
  ]);
}, 60_000);
afterAll(async () => {
  plaintext.close();
  await Promise.all([single.close(), cluster.close()]);
});

describe.concurrent("an application hears the same, whichever client it uses:", () => {
  test.for(BROKEN_APPLICATIONS.map((broken) => [broken.name, broken] as const))(
    "%s",
    async ([, broken], context) => {
      const { expected } = broken;
      const application = await broken.setUp({
        single,
        cluster,
        plaintextPort: (plaintext.address() as AddressInfo).port,
      });
      const through = [throughNodeRedis, throughIoRedis].map(async (failure) => {
        const identity = createIdentity(application.identity, {
          AZURE_POD_IDENTITY_AUTHORITY_HOST: (application.port === cluster.redis.port ? cluster : single)
            .imdsHost,
        });
        context.onTestFinished(() => identity.close());
        return explained(await failure(application, identity, context), application);
      });
      const [nodeRedis, ioRedis] = await Promise.all(through);
      expect(nodeRedis).toMatchObject({
        code: `ERR_PASSWORDLESS_${expected.code}`,
        rule: expected.rule,
        remedy: expect.stringMatching(expected.says) as string,
      });
      expect(ioRedis).toEqual(nodeRedis);
    },
  );
});

type Heard = Pick<Explanation, "code" | "rule" | "certainty" | "meaning" | "remedy" | "alternatives">;

/** What an error tells who has only this error, and knows where it has come from. */
function explained(error: unknown, { host, port }: Application): Heard | undefined {
  const explanation = explain(error, { host, port });
  if (PasswordlessError.is(error)) {
    const { code, rule, remedy } = error;
    expect({ code, rule, remedy }).toEqual({
      code: explanation?.code,
      rule: explanation?.rule,
      remedy: explanation?.remedy,
    });
  }
  if (explanation === undefined) throw new Error("nobody can explain it", { cause: error });
  const { code, rule, certainty, meaning, remedy, alternatives } = explanation;
  return { code, rule, certainty, meaning, remedy, alternatives };
}

/** The first error that an application gets: an event, a rejected `connect()`, or a rejected command. */
function throughNodeRedis(
  { host, port, ca, commands }: Application,
  identity: Identity,
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
): Promise<unknown> {
  const adapter = new NodeRedisAdapter(() => identity);
  const tls = { tls: true, ...(ca === undefined ? {} : { ca }) } as const;
  const client = createClient(adapter.client({ socket: { host, port, ...tls } }));
  onTestFinished(() => {
    if (client.isOpen) client.destroy();
  });
  return firstError(
    client,
    () => client.connect(),
    commands.map((command) => () => client.sendCommand(command)),
  );
}

function throughIoRedis(
  { host, port, ca, commands }: Application,
  identity: Identity,
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
): Promise<unknown> {
  const tls = ca === undefined ? {} : { ca };
  const client = new IoRedisAdapter(() => identity).redis(Redis, { host, port, tls, lazyConnect: true });
  onTestFinished(() => client.disconnect());
  return firstError(
    client,
    () => client.connect(),
    commands.map(
      ([name = "", ...args]) =>
        () =>
          client.call(name, ...args),
    ),
  );
}

function firstError(
  client: { on(event: "error", listener: (error: unknown) => void): unknown },
  connect: () => Promise<unknown>,
  commands: readonly (() => Promise<unknown>)[],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.on("error", resolve);
    const succeed = async (): Promise<void> => {
      await connect();
      for (const command of commands) await command();
    };
    succeed().then(() => reject(new Error("nothing has failed")), resolve);
  });
}
