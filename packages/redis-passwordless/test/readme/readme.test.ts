import { readFileSync } from "node:fs";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeBlocks, ROOT } from "./code-blocks.js";
import { Workshop } from "./workshop.js";

/** The cache in every example. It is the only thing that is replaced: by the address of an emulator. */
const CACHE = { host: "my-cache.westus3.redis.azure.net", port: 10_000 };

/** The identities in the examples; the emulator has them. */
const USER_ASSIGNED_CLIENT_ID = "11111111-1111-1111-1111-111111111111";

/** What Service Connector has set where the program runs whose output a README shows. */
const SERVICE_CONNECTOR = {
  AZURE_REDIS_HOST: CACHE.host,
  AZURE_REDIS_CLIENTID: USER_ASSIGNED_CLIENT_ID,
  AZURE_CLIENT_ID: "22222222-2222-2222-2222-222222222222",
};

/** The program under test that the emulator's README speaks of. */
const APP = `
  import { createClient } from "redis";
  import { passwordless } from "redis-passwordless/node-redis";
  await createClient(passwordless({ url: process.env.REDIS_URL })).connect();
`;

const blocks = codeBlocks();
const programs = blocks.filter(({ language }) => language === "js" || language === "ts");
const commands = blocks.filter(({ language }) => language === "sh");

/** What a program speaks to: one server, or a cluster that announces IP addresses, as Azure's do. */
type Kind = "server" | "cluster";

/** `azureRedisClient` makes the client for either. */
function kindsOf(code: string): Kind[] {
  if (/\bazureRedisClient\b/.test(code)) return ["server", "cluster"];
  return /\b(?:createCluster|Cluster)\b/.test(code) ? ["cluster"] : ["server"];
}

let emulators: Record<Kind, Emulator>;
let workshop: Workshop;

beforeAll(async () => {
  const [server, cluster] = await Promise.all([
    startEmulator(),
    startEmulator({ redis: { cluster: { masters: 3, announce: "ip" } } }),
  ]);
  emulators = { server, cluster };
  server.addManagedIdentity({ kind: "user", clientId: USER_ASSIGNED_CLIENT_ID });
  workshop = new Workshop({ "app.js": APP });
  workshop.compile(programs, ({ code, output }) =>
    output === undefined ? atLocalCache(code, emulators[kindsOf(code)[0]!]) : code,
  );
  // Compiling takes as much of the processor as there is.
}, 120_000);

afterAll(async () => {
  workshop[Symbol.dispose]();
  await Promise.all(Object.values(emulators).map((azure) => azure.close()));
});

function atLocalCache(code: string, { redis }: Emulator): string {
  const { host, port } = CACHE;
  return (
    code
      // Whoever leaves the port to the library needs it here: only the names of Azure's caches have a default.
      .replaceAll(/(azureRedis\w*\([^")]*"my-cache[^":]+)"/g, `$1:${port}"`)
      .replaceAll(`${host}:${port}`, `localhost:${redis.port}`)
      .replaceAll(host, "localhost")
      .replaceAll(`port: ${port}`, `port: ${redis.port}`)
  );
}

/** The emulator's variables: for a program that names its cache, and for one that leaves that to the environment. */
function environmentOf(azure: Emulator): Record<string, string> {
  return { ...azure.env(), ...azure.env(undefined, { serviceConnector: true }) };
}

test("every document has code, in languages that are checked here", () => {
  expect(new Set(blocks.map(({ place }) => place.split(":")[0])).size).toBe(6);
  expect(blocks.filter((block) => !programs.includes(block) && !commands.includes(block))).toEqual([]);
});

describe.concurrent.each(programs)("$place", (block) => {
  const { code, output, notRun } = block;

  test("type-checks", () => {
    expect(workshop.diagnostics(block)).toEqual([]);
  });

  if (output !== undefined) {
    test("prints what stands below it", async () => {
      const outcome = await workshop.run(block, SERVICE_CONNECTOR);
      expect(outcome).toEqual({ exitCode: 0, stdout: output, stderr: "" });
    });
  } else if (notRun === undefined) {
    test.for(kindsOf(code))("runs with a %s, ends by itself and complains of nothing", async (kind) => {
      const outcome = await workshop.run(block, environmentOf(emulators[kind]));
      expect(outcome).toEqual({ exitCode: 0, stdout: expect.any(String), stderr: "" });
      expect(outcome.stdout).toBe(expectedOutput(code) ?? outcome.stdout);
    });
  }
});

/** What the comments behind `console.log` promise; of those that can be taken literally. */
function expectedOutput(code: string): string | undefined {
  const inline = [...code.matchAll(/^ *console\.log\(.*\); \/\/ (.+)$/gm)].map((match) => match[1]);
  const below = [...code.matchAll(/^\/\/ (.+)$/gm)].map((match) => match[1]);
  const isLiteral = /^import .* from "resp-framing";$/m.test(code);
  return isLiteral
    ? `${[...inline, ...below.filter((line) => /^[+>] /.test(line ?? ""))].join("\n")}\n`
    : undefined;
}

describe.each(commands)("$place", ({ code }) => {
  const words = code
    .split("\n")
    .flatMap((line) => line.split(/&&|\|\|/))
    .map((one) => one.trim().split(/\s+/));

  test("names scripts, packages and commands that exist", () => {
    for (const [command, verb, name] of words) {
      if (command === "npm" && verb === "run") expect(scripts()).toHaveProperty(name ?? "");
      if (command === "npm" && verb === "test") expect(scripts()).toHaveProperty("test");
      if (command === "npx") expect(manifest(`packages/${verb}`)).toHaveProperty(["bin", verb ?? ""]);
    }
    for (const [, , ...names] of words.filter(([, verb]) => verb === "install")) {
      const packages = names.filter((name) => !name.startsWith("--"));
      expect(installable()).toEqual(expect.arrayContaining(packages));
    }
  });
});

function installable(): string[] {
  const { devDependencies } = manifest(".") as { devDependencies: Record<string, string> };
  return ["redis-passwordless", "azure-redis-emulator", "resp-framing", ...Object.keys(devDependencies)];
}

function scripts(): unknown {
  return manifest(".")["scripts"];
}

function manifest(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(`${ROOT}/${folder}/package.json`, "utf8")) as Record<string, unknown>;
}
