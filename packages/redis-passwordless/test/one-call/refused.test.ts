import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLIENTS, Program, run, type Variables, without } from "./support.js";

// Environments that cannot work, each in a process of its own.

const OTHER = "44444444-4444-4444-8444-444444444444";
const HOST = "c.westus3.redis.azure.net";
const CLASSIC = "c.redis.cache.windows.net";
const KEY = "aB3/x+Yz9key+with/base64AzCaD0o=";
const SECRET = "s3cr3t~value.of-another-application";
/** Nobody listens on the port for discarded traffic. */
const CLOSED = "http://127.0.0.1:9";

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());

const managed = (): Variables => azure.env(azure.userIdentity, { serviceConnector: true });
const principal = (): Variables => azure.env(azure.servicePrincipal, { serviceConnector: true });
const system = (): Variables => azure.env(azure.systemIdentity, { serviceConnector: true });
const CONNECTION_STRING = { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${KEY}@${CLASSIC}:6380/0` };

type Row = readonly [
  name: string,
  env: () => Variables,
  code: string,
  /** What the message names, besides the code. */
  names: readonly (string | (() => string))[],
  remedy: RegExp,
];

const ROWS: readonly Row[] = [
  [
    "an identity that is not attached",
    () => ({ ...managed(), AZURE_REDIS_CLIENTID: OTHER }),
    "IDENTITY_REJECTED",
    [OTHER, () => azure.imdsHost],
    /Attach the managed identity to this resource/,
  ],
  [
    "a wrong secret",
    () => ({ ...principal(), AZURE_REDIS_CLIENTSECRET: SECRET }),
    "IDENTITY_REJECTED",
    [() => azure.servicePrincipal.clientId, () => azure.tenantId, "AADSTS7000215"],
    /secret/,
  ],
  [
    "a service principal without its tenant",
    () => without(principal(), "AZURE_REDIS_TENANTID"),
    "ENVIRONMENT_CONTRADICTORY",
    ["AZURE_REDIS_CLIENTSECRET", "AZURE_REDIS_TENANTID"],
    /Set AZURE_REDIS_TENANTID, or unset AZURE_REDIS_CLIENTSECRET/,
  ],
  [
    "a key and an identity",
    () => ({ ...without(managed(), "AZURE_REDIS_HOST"), ...CONNECTION_STRING }),
    "ENVIRONMENT_CONTRADICTORY",
    ["AZURE_REDIS_CONNECTIONSTRING", "AZURE_REDIS_CLIENTID"],
    /Unset the one that is not meant/,
  ],
  [
    "two servers",
    () => ({ ...system(), ...CONNECTION_STRING }),
    "ENVIRONMENT_CONTRADICTORY",
    ["AZURE_REDIS_CONNECTIONSTRING", "AZURE_REDIS_HOST", CLASSIC],
    /Unset the one that is not meant, or give the option `endpoint`/,
  ],
  [
    "no TLS to an Azure cache",
    () => ({ ...system(), AZURE_REDIS_HOST: CLASSIC, AZURE_REDIS_SSL: "False", AZURE_REDIS_PASSWORD: KEY }),
    "PLAINTEXT_REFUSED",
    [CLASSIC],
    /rediss:\/\/c\.redis\.cache\.windows\.net:6380/,
  ],
  [
    "the name in the private zone",
    () => ({ ...system(), AZURE_REDIS_HOST: "c.westus3.privatelink.redis.azure.net" }),
    "PRIVATE_LINK_NAME",
    ["AZURE_REDIS_HOST", "c.westus3.privatelink.redis.azure.net"],
    /Use `c\.westus3\.redis\.azure\.net`/,
  ],
  [
    "a cache of the Enterprise tier",
    () => ({ ...system(), AZURE_REDIS_HOST: "c.westus3.redisenterprise.cache.azure.net" }),
    "ENTRA_ID_UNSUPPORTED",
    ["c.westus3.redisenterprise.cache.azure.net", "2027"],
    /Migrate the cache to Azure Managed Redis, or log in with an access key/,
  ],
  [
    "nothing at all",
    () => ({}),
    "ENDPOINT_MISSING",
    ["AZURE_REDIS_HOST", "AZURE_REDIS_CONNECTIONSTRING"],
    /Set AZURE_REDIS_HOST, or name the cache: /,
  ],
  [
    "a name with an underscore too many",
    () => ({ ...system(), AZURE_REDIS_CLIENT_ID: OTHER }),
    "INVALID_OPTION",
    ["AZURE_REDIS_CLIENT_ID", "AZURE_REDIS_CLIENTID"],
    /rename it/,
  ],
  [
    "a database that Azure Managed Redis does not have",
    () => ({ ...system(), AZURE_REDIS_HOST: HOST, AZURE_REDIS_DATABASE: "1" }),
    "INVALID_OPTION",
    ["AZURE_REDIS_DATABASE"],
    /accepts database 0 only/,
  ],
];

/** What may pass by itself while a pod or a machine starts: a client goes on, and says why. */
const PASSING: readonly Row[] = [
  [
    "a projected token that is not there",
    () => ({
      ...managed(),
      AZURE_TENANT_ID: azure.tenantId,
      AZURE_FEDERATED_TOKEN_FILE: "/var/run/secrets/nowhere/token",
    }),
    "FEDERATED_TOKEN_UNREADABLE",
    ["/var/run/secrets/nowhere/token"],
    /azure\.workload\.identity\/use/,
  ],
  [
    "a managed identity where there is none, as on a laptop",
    () => ({ ...managed(), AZURE_POD_IDENTITY_AUTHORITY_HOST: CLOSED }),
    "IDENTITY_UNAVAILABLE",
    [() => azure.userIdentity.clientId, CLOSED],
    /on a developer's machine leave the identity out .*`az login`/,
  ],
];

/** What must be on stderr, whichever program it was. */
function expectDiagnosis(stderr: string, [, , code, names, remedy]: Row): void {
  expect(stderr).toContain(`[ERR_PASSWORDLESS_${code}]`);
  for (const name of names) expect(stderr).toContain(typeof name === "string" ? name : name());
  expect(stderr).toMatch(remedy);
  for (const secret of ["eyJ", KEY, SECRET, azure.servicePrincipal.secret ?? ""]) {
    expect(stderr.includes(secret)).toBe(false);
  }
}

describe.concurrent("an environment that cannot work ends the program with the diagnosis", () => {
  test.for(ROWS.map((row, index) => [row[0], ...CLIENTS[index % CLIENTS.length]!, row] as const))(
    "%s (%s)",
    async ([, , program, client, row], context) => {
      const { code, stdout, stderr } = await run(context, program, [client], row[1]());
      expectDiagnosis(stderr, row);
      expect(code).toBe(1);
      expect(stdout).not.toMatch(/whoAmI/);
    },
  );

  // Whoever asks the cache first hears what is wrong with the login, however long a client would go on.
  test.for(
    CLIENTS.map(
      ([name, program, client], index) => [name, `${program}-any`, client, ROWS[index * 2]!] as const,
    ),
  )("%s through azureRedisClient", async ([, program, client, row], context) => {
    const { code, stderr } = await run(context, program, [client], row[1]());
    expectDiagnosis(stderr, row);
    expect(code).toBe(1);
  });

  test("an identity without an access policy (node-redis 6, azureRedisClient)", async (context) => {
    const identity = azure.addManagedIdentity({ kind: "user", accessPolicy: null });
    const env = azure.env(identity, { serviceConnector: true });
    const { code, stderr } = await run(context, "node-redis-any", ["redis"], env);
    context.expect(stderr).toContain("[ERR_PASSWORDLESS_AUTH_REFUSED]");
    context.expect(stderr).toContain(identity.objectId);
    context.expect(code).toBe(1);
  });

  test.for([
    [PASSING[0]![0], "node-redis-any", "redis", PASSING[0]!],
    [PASSING[1]![0], "ioredis-any", "ioredis", PASSING[1]!],
  ] as const)("%s, through azureRedisClient", async ([, program, client, row], context) => {
    const { code, stderr } = await run(context, program, [client], row[1]());
    expectDiagnosis(stderr, row);
    expect(code).toBe(1);
  });
});

describe.concurrent("what may pass by itself ends no client, and is said", () => {
  test.for([
    [PASSING[0]![0], "node-redis", "redis-5", PASSING[0]!],
    [PASSING[0]![0], "ioredis", "iovalkey", PASSING[0]!],
    [PASSING[1]![0], "node-redis", "redis", PASSING[1]!],
    [PASSING[1]![0], "ioredis", "ioredis-5", PASSING[1]!],
  ] as const)("%s (%s, %s)", async ([, name, client, row], context) => {
    const program = new Program(context, name, [client], row[1]());
    await program.said("stderr", /PasswordlessError[^]*details: /);
    expectDiagnosis(program.output.stderr, row);
    program.kill();
    expect(await program.ended).toMatchObject({ code: "SIGKILL" });
  });
});
