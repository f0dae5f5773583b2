import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LONG } from "./length.js";
import { type ProxiedWorld, proxiedWorld } from "./proxied-world.js";
import { directWorld, type World } from "./worlds.js";

const run = promisify(execFile);
const PYTHON = "/usr/bin/python3";
const PYTHON_SESSION = fileURLToPath(new URL("redis_py_session.py", import.meta.url));

/** Debian's `python3-redis`; where it is not installed there is no such test. */
const HAS_REDIS_PY = spawnSync(PYTHON, ["-c", "import redis"]).status === 0;

let direct: World;
let proxied: ProxiedWorld;

beforeAll(async () => {
  // A new token every second.
  const lifetimes = { tokenLifetimeMs: 4_000, identity: { expirationRefreshRatio: 0.25 } };
  [direct, proxied] = await Promise.all([directWorld(), proxiedWorld(lifetimes)]);
});
afterAll(async () => {
  await Promise.all([direct.close(), proxied.close()]);
});

describe("clients that know nothing of tokens, during rotations", () => {
  test.runIf(HAS_REDIS_PY)("a program with redis-py prints what it prints directly", async () => {
    await Promise.all([direct.reset(), proxied.reset()]);
    const [username, password] = await direct.login();
    const { port } = direct.azure.redis;
    const url = `rediss://${username}:${password}@localhost:${port}`;
    const [expected, actual] = await Promise.all([
      run(PYTHON, [PYTHON_SESSION, url, direct.azure.caFile]),
      run(PYTHON, [PYTHON_SESSION, `redis://127.0.0.1:${proxied.port}`]),
    ]);
    expect(expected.stdout.split("\n").length).toBeGreaterThan(20);
    expect(actual).toEqual(expected);
  });

  test("redis-cli prints what it prints directly", async () => {
    await Promise.all([direct.reset(), proxied.reset()]);
    const [username, password] = await direct.login();
    const { port } = direct.azure.redis;
    const directly = `-h localhost -p ${port} --tls --user ${username} --no-auth-warning`.split(" ");
    directly.push("--cacert", direct.azure.caFile);
    const ways: readonly (readonly [args: readonly string[], input: string])[] = [
      [
        [],
        "SET a b\nGET a\nLRANGE list 0 -1\nHGETALL hash\nINCR str\nNOSUCH\nMULTI\nINCR num\nEXEC\nSELECT 3\nGET a\n",
      ],
      [["-3"], "HGETALL hash\nZRANGE zset 0 -1 WITHSCORES\nGET missing\nEVAL 'return {1,2,{3}}' 0\n"],
      [["--no-raw", "-r", "20", "INCR", "repeated"], ""],
      [["-x", "SET", "from-stdin"], "x".repeat(100_000)],
      [["--scan", "--pattern", "zs*"], ""],
      [["--pipe", "--pipe-timeout", "20"], "*3\r\n$3\r\nSET\r\n$1\r\np\r\n$1\r\n1\r\n".repeat(2_000)],
      [["--eval", "/dev/stdin", "str", ",", "x"], "return {#KEYS, #ARGV, KEYS[1], ARGV[1]}"],
      [["--csv", "LRANGE", "list", "0", "-1"], ""],
    ];
    for (const [args, input] of ways) {
      const [expected, actual] = await Promise.all([
        withInput("redis-cli", [...directly, ...args], input, { REDISCLI_AUTH: password }),
        withInput("redis-cli", ["-h", "127.0.0.1", "-p", String(proxied.port), ...args], input, {}),
      ]);
      expect(expected, args.join(" ")).not.toMatch(/Could not connect|AUTH failed/);
      expect(actual, args.join(" ")).toBe(expected);
    }
  });

  test("redis-benchmark's tests run without an error", { timeout: 120_000 }, async () => {
    await proxied.reset();
    const requests = LONG ? "20000" : "1000";
    const args = [
      "-h",
      "127.0.0.1",
      "-p",
      String(proxied.port),
      "-n",
      requests,
      "-c",
      "20",
      "-P",
      "4",
      "--csv",
    ];
    const { stdout, stderr } = await run("redis-benchmark", args, { maxBuffer: 1e7 });
    const measured = stdout.split("\n").filter((line) => /^"[^"]+","\d/.test(line));
    expect(measured.length).toBeGreaterThan(15);
    expect(`${stdout}${stderr}`).not.toMatch(/error/i);
  });

  test("tokens were replaced meanwhile, and nobody was cut", () => {
    const { events } = proxied.azure;
    expect(events.filter(({ type }) => type === "tokenRequest").length).toBeGreaterThan(1);
    expect(
      events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired"),
    ).toEqual([]);
  });
});

/** What a program prints, on either of its outputs, when it gets this to read. */
function withInput(
  program: string,
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, ...env }, maxBuffer: 1e7 },
      (_error, stdout, stderr) => resolve(`${stdout}\n---\n${stderr}\n---\n${child.exitCode}`),
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}
