import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly output: { stdout: string; stderr: string };
}

const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) {
    child.kill("SIGKILL");
  }
});

/** Starts the built command line. */
function run(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const exited = once(child, "close").then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    running.delete(child);
    return code ?? signal ?? -1;
  });
  return { child, exited, output };
}

/** The first line of the process's standard output. */
async function firstLine({ child, output }: Run): Promise<string> {
  if (!child.stdout) {
    throw new Error("The process has no standard output.");
  }
  for await (const line of createInterface(child.stdout)) {
    return line;
  }
  throw new Error(`No output: ${output.stderr}`);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

describe.each([
  ["SIGINT", 0],
  ["SIGTERM", 143],
] as const)("%s", (signal, exitCode) => {
  test(`ends it with exit code ${exitCode}, and everything that it started`, async () => {
    const process = run(["--json"]);
    const description = JSON.parse(await firstLine(process)) as {
      environment: Record<string, string>;
      caFile: string;
      redis: { port: number };
    };
    expect(description.environment["NODE_EXTRA_CA_CERTS"]).toBe(description.caFile);
    expect(existsSync(description.caFile)).toBe(true);
    expect(await isListening(description.redis.port)).toBe(true);

    // Twice, as `timeout` and npx send it.
    process.child.kill(signal);
    process.child.kill(signal);
    expect(await process.exited).toBe(exitCode);
    expect(existsSync(description.caFile)).toBe(false);
    expect(await isListening(description.redis.port)).toBe(false);
    expect(process.output.stdout).not.toContain("eyJ");
  });
});

test("what it prints is for a shell to evaluate; logs go to stderr", async () => {
  const emulator = run(["--identity", "service-principal"], { AZURE_REDIS_EMULATOR_TOKEN_LIFETIME: "30s" });
  await once(emulator.child.stderr ?? emulator.child, "data");
  emulator.child.kill("SIGINT");
  expect(await emulator.exited).toBe(0);
  expect(emulator.output.stderr).toMatch(/^Redis gateway on rediss:\/\/localhost:\d+/);
  const lines = emulator.output.stdout.trimEnd().split("\n");
  for (const line of lines) {
    expect(line).toMatch(/^export [A-Z_]+='[^']*'$/);
  }
  expect(lines.map((line) => line.slice("export ".length).split("=")[0])).toEqual([
    "NODE_EXTRA_CA_CERTS",
    "AZURE_AUTHORITY_HOST",
    "REDIS_URL",
    "AZURE_REDIS_EMULATOR_URL",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
  ]);
});

test("a cluster with replicas is described node by node, without the servers' passwords", async () => {
  const args = [
    "--json",
    "--cluster",
    "3",
    "--cluster-replicas",
    "1",
    "--cluster-announce",
    "unreachable-ip",
  ];
  const emulator = run(args);
  const line = await firstLine(emulator);
  const { redis } = JSON.parse(line) as { redis: { port: number; nodes: { port: number }[] } };
  const node = (role: string, { port }: { port: number }) => ({
    host: "localhost",
    port,
    role,
    announced: { host: "192.0.2.1", port },
  });
  expect(redis.nodes).toEqual([
    ...redis.nodes.slice(0, 3).map((master) => node("master", master)),
    ...redis.nodes.slice(3).map((replica) => node("replica", replica)),
  ]);
  expect(redis.nodes).toHaveLength(6);
  expect(redis.nodes[0]!.port).toBe(redis.port);
  expect(line).not.toContain("redis://default");
  emulator.child.kill("SIGTERM");
  expect(await emulator.exited).toBe(143);
  for (const { port } of redis.nodes) expect(await isListening(port)).toBe(false);
});

test("--help and --version print to stdout and do nothing else", async () => {
  const help = run(["--help"]);
  expect(await help.exited).toBe(0);
  expect(help.output.stdout).toContain("--token-lifetime");
  const version = run(["--version"]);
  expect(await version.exited).toBe(0);
  expect(version.output.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each<[string[], number, RegExp]>([
  [
    ["--port", "x"],
    2,
    /^azure-redis-emulator: --port takes a port number.*\nSee azure-redis-emulator --help\.\n$/,
  ],
  [["--token-lifetime", "1ms"], 2, /lifetime must be at least 1000 ms/],
  [["--redis-bin", "/nowhere"], 1, /^azure-redis-emulator: \/nowhere .*\n$/],
  [
    ["--redis-url", "redis://:secret@127.0.0.1:1"],
    1,
    /^azure-redis-emulator: No Redis server answers at 127\.0\.0\.1:1: .*ECONNREFUSED.*\n$/,
  ],
])("%j fails with exit code %i and one clear message", async (args, exitCode, message) => {
  const failed = run(args);
  expect(await failed.exited).toBe(exitCode);
  expect(failed.output.stderr).toMatch(message);
  expect(failed.output.stderr).not.toContain("secret");
  expect(failed.output.stdout).toBe("");
});

test("a port that is taken is named", async () => {
  const other = createServer();
  await once(other.listen(0, "127.0.0.1"), "listening");
  const { port } = other.address() as AddressInfo;
  const failed = run(["--port", String(port)]);
  expect(await failed.exited).toBe(1);
  expect(failed.output.stderr).toBe(
    `azure-redis-emulator: Port ${port} is in use; choose another with --port or --control-port, or leave it out.\n`,
  );
  other.close();
});
