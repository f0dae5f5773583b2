import { afterAll, beforeAll, describe, test } from "vitest";
import { Consumer, specifiers } from "../../../../scripts/lib/consumer.mjs";

const NAME = "redis-passwordless";
const CLIENTS = ["ioredis", "ioredis-5", "iovalkey"];

/** Two assignments, so that the types are equal in both directions; `own` is a member that only the subclass has. */
const USE = CLIENTS.map(
  (client, index) => `
import { Cluster as Cluster${index}, Redis as Redis${index}, type RedisOptions as Options${index} } from "${client}";
class Own${index} extends Redis${index} { readonly own = "own"; }
const redis${index}: Redis${index} = passwordless(Redis${index}, { host: "localhost", maxRetriesPerRequest: null });
const cluster${index}: Cluster${index} = passwordless(Cluster${index}, [{ host: "localhost" }], { redisOptions: {} });
const options${index}: Options${index} = passwordless({ host: "localhost", connectTimeout: 500 });
export const all${index} = {
  options: options${index},
  own: passwordless(Own${index}, "rediss://localhost:6379", settings).own,
  redis: attach(redis${index}, settings),
  cluster: attach(cluster${index}),
  stored: passwordless(Redis${index}, options${index}).get("key").then((value) => value?.length),
};
// @ts-expect-error a misspelt name
passwordless(Redis${index}, { hots: "localhost" });
`,
).join("");

const SOURCE = `
import { entraId } from "${NAME}";
import { attach, passwordless, type PasswordlessSettings } from "${NAME}/ioredis";
const settings: PasswordlessSettings = { identity: entraId({ managedIdentity: true }) };
${USE}
${specifiers(NAME)
  .map((specifier, index) => `export * as subpath${index} from "${specifier}";`)
  .join("\n")}
`;

describe("the declarations of the packed library", () => {
  const consumer = new Consumer();
  beforeAll(() => {
    consumer.install([NAME], { offline: true });
    consumer.link([...CLIENTS, "redis", "@azure/identity", "@types/node"]);
  });
  afterAll(() => consumer[Symbol.dispose]());

  test.each([
    ["TypeScript 5.9, which this package has for that", "packages/redis-passwordless"],
    ["TypeScript 7, the workspace's", "."],
  ])(
    "compile with %s, from an ES module and from CommonJS, with nothing of the workshop installed",
    (_, where) => {
      consumer.compile(where, { "main.mts": SOURCE, "main.cts": SOURCE });
    },
  );
});
