import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/parse.js";
import { PROXY } from "../../src/cli/proxy-commands.js";
import { proxyPlan } from "../../src/cli/proxy-plan.js";
import type { HandedSocket } from "../../src/cli/systemd.js";
import { UsageError } from "../../src/cli/usage-error.js";
import { PasswordlessError } from "../../src/core/errors.js";
import { listenLabel } from "../../src/proxy/config/listen-address.js";

const folder = mkdtempSync(join(tmpdir(), "proxy-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

const CACHE = "my-cache.westus3.redis.azure.net";

let files = 0;
function file(text: string): string {
  const path = join(folder, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

function plan(
  line: string,
  env: Readonly<Record<string, string>> = {},
  handed: readonly HandedSocket[] = [],
) {
  const { settings } = parseCommandLine(PROXY, line.split(" ").filter(Boolean), env);
  return proxyPlan(settings, env, handed);
}

const served = (...args: Parameters<typeof plan>) =>
  plan(...args).instances.map(({ name, connection: { endpoint }, listen }) => [
    name,
    `${endpoint.host}:${endpoint.port}`,
    ...listen.map((address) => listenLabel(address)),
  ]);

describe("what a proxy is told to do", () => {
  test("a host is enough", () => {
    expect(served(CACHE)).toEqual([["my-cache", `${CACHE}:10000`, "127.0.0.1:6379"]]);
    const { minDrainMs, maxDrainMs, statusAddress, workers } = plan(CACHE);
    expect({ minDrainMs, maxDrainMs, statusAddress, workers }).toEqual({
      minDrainMs: 0,
      maxDrainMs: 25_000,
      statusAddress: undefined,
      workers: 1,
    });
  });

  test("without a host, the variables say which cache it is", () => {
    expect(served("", { AZURE_REDIS_HOST: CACHE })).toEqual([
      ["my-cache", `${CACHE}:10000`, "127.0.0.1:6379"],
    ]);
    expect(served("", { REDIS_PASSWORDLESS_ENDPOINT: "b.redis.azure.net:1" })).toEqual([
      ["b", "b.redis.azure.net:1", "127.0.0.1:6379"],
    ]);
    expect(served("", { REDIS_PASSWORDLESS_INSTANCES: "a:1 jobs=b:2,listen=7000" })).toEqual([
      ["a", "a:1", "127.0.0.1:6379"],
      ["jobs", "b:2", "127.0.0.1:7000"],
    ]);
  });

  test("a flag wins over its variable, and that over the file", () => {
    const config = file("max-clients: 1\nconnect-timeout: 1\nlisten: 7001\nendpoint: file:1\n");
    const env = {
      REDIS_PASSWORDLESS_CONFIG: config,
      REDIS_PASSWORDLESS_CONNECT_TIMEOUT: "2",
      REDIS_PASSWORDLESS_LISTEN: "7002",
    };
    const [instance] = plan("--listen 7003", env).instances;
    expect(instance).toMatchObject({ maxClients: 1, connectTimeoutMs: 2_000, listen: [{ port: 7003 }] });
    expect(served("arg:1", env)).toEqual([["arg", "arg:1", "127.0.0.1:7002"]]);
  });

  test("what an instance says itself wins over what is said for all", () => {
    const config = file(
      "max-clients: 5\ninstances:\n  - endpoint: a:1\n    max-clients: 7\n    connect-timeout: 500ms\n  - endpoint: b:1\n",
    );
    const settings = plan(`--config ${config} --connect-timeout 2`).instances.map(
      ({ maxClients, connectTimeoutMs }) => [maxClients, connectTimeoutMs],
    );
    expect(settings).toEqual([
      [7, 500],
      [5, 2_000],
    ]);
  });

  test("arguments stand for the file's list, and the rest of the file holds", () => {
    const config = file("max-clients: 5\ninstances:\n  - endpoint: a:1\n    max-clients: 7\n");
    const { instances } = plan(`--config ${config} b:1`);
    expect(instances.map(({ name, maxClients }) => [name, maxClients])).toEqual([["b", 5]]);
  });

  test("an instance that names its identity takes nothing of another one", () => {
    const guid = "11111111-2222-3333-4444-555555555555";
    const config = file(
      `identity: managed-identity\nclient-id: ${guid}\ninstances:\n  - endpoint: a:1\n  - endpoint: b:1\n    identity: managed-identity\n  - endpoint: c:1\n    object-id: ${guid}\n`,
    );
    const who = plan(`--config ${config}`).instances.map(({ connection: { login } }) =>
      login.kind === "entraId" ? login.description : login.kind,
    );
    expect(who).toEqual([
      expect.stringContaining(`client ID ${guid}`),
      expect.stringContaining("system-assigned"),
      expect.stringContaining(`object ID ${guid}`),
    ]);
  });

  test("a switch that is off on the command line is off, whatever the file says", () => {
    const config = file("single-endpoint: true\n");
    expect(plan(`--config ${config} a:1`).instances[0]?.isSingleEndpoint).toBe(true);
    expect(plan(`--config ${config} --single-endpoint=false a:1`).instances[0]?.isSingleEndpoint).toBe(false);
  });

  test("the password of clients is what the file holds, without the line break at its end", () => {
    const path = file("two words \n");
    expect(plan(`a:1,require-pass-file=${path}`).instances[0]?.clientPassword).toBe("two words ");
  });

  test("plans differ when a file that they name has another content", () => {
    const path = file("one\n");
    const fingerprints = () =>
      plan(`--require-pass-file ${path} a:1 b:1`).instances.map((one) => one.fingerprint);
    const before = fingerprints();
    expect(fingerprints()).toEqual(before);
    expect(new Set(before).size).toBe(2);
    writeFileSync(path, "two\n");
    expect(fingerprints()).not.toEqual(before);
  });

  test("sockets that were handed over go to the instance of their name, or to the only one", () => {
    const handed = [
      { fd: 3, name: "b" },
      { fd: 4, name: "a" },
    ];
    expect(served("a:1 b:1", {}, handed)).toEqual([
      ["a", "a:1", "a"],
      ["b", "b:1", "b"],
    ]);
    expect(served("a:1", {}, handed)).toEqual([["a", "a:1", "b", "a"]]);
    expect(() => plan("a:1 c:1", {}, handed)).toThrow(
      /The socket b that was handed over belongs to no instance/,
    );
  });
});

test("the file in docs/proxy.md is understood", () => {
  const page = readFileSync(new URL("../../../../docs/proxy.md", import.meta.url), "utf8");
  const [, text = ""] = /```yaml\n(# \/etc\/redis-passwordless[^]*?)```/.exec(page) ?? [];
  const password = file("open sesame");
  const config = file(text.replace(/\/etc\/\S+\.password/, password));
  expect(served(`--config ${config}`)).toEqual([
    ["my-cache", `${CACHE}:10000`, "127.0.0.1:6379", "[::1]:6379"],
    ["jobs", "jobs.redis.cache.windows.net:6380", "/run/redis-passwordless/jobs.sock"],
  ]);
});

describe("what cannot be meant is told with the place where it stands", () => {
  test.each<[line: string, complaint: RegExp, env?: Readonly<Record<string, string>>]>([
    ["", /Nothing says which cache to serve: name it as an argument/],
    ["nohost", /argument 1 .*without a port: only the names of Azure's caches have a default/],
    ["a:1 b:x", /argument 2 is invalid/],
    ["redis://my-cache.example:6379", /argument 1 asks for a connection without TLS to my-cache\.example/],
    ["a:1 --endpoint b:1", /arguments and --endpoint exclude each other/],
    ["a:1 --instances b:1", /The instances are given twice/],
    [
      "a:1,client-id=x,object-id=y",
      /`client-id` in argument 1 and `object-id` in argument 1 exclude each other/,
    ],
    ["a:1,single-endpoint=maybe", /`single-endpoint` in argument 1 takes true or false; it got "maybe"/],
    ["a:1,max-clients=0", /`max-clients` in argument 1 takes a whole number from 1/],
    ["a:1,ca=/nowhere", /`ca` in argument 1 names a file that cannot be read \(ENOENT\): \/nowhere/],
    ["--config /nowhere a:1", /--config names a file that cannot be read \(ENOENT\): \/nowhere/],
    ["a:1 --config /", /--config names a file that cannot be read \(EISDIR\)/],
    ["a:1 --require-pass-file /dev/null", /--require-pass-file names a file without a password/],
    ["a:1 --connect-timeout 5h", /--connect-timeout takes seconds from 0\.1 to 300; it got "5h"/],
    ["a:1 --min-drain 10 --max-drain 5", /--max-drain is less than --min-drain/],
    ["a:1 --node-ports 9", /--node-ports takes the first and the last port/],
    ["a:1 --http-address 6379", /--http-address has port 6379, and so has the instance a/],
    ["a:1 --http-address 1,2", /--http-address takes one address/],
    ["a:1 --quitquitquit", /--quitquitquit needs --http-address/],
    ["a:1,listen=7000 --listen 8000", /--listen changes nothing: every instance says otherwise/],
    ["a:1,pool=3 --pool 4", /--pool changes nothing/],
    ["a:1 --unix-socket-mode 0660", /--unix-socket-mode changes nothing: there is no `unix-socket`/],
    [
      "a:1,unix-socket-mode=0660",
      /`unix-socket-mode` in argument 1 changes nothing: there is no `unix-socket`/,
    ],
    [
      "a:1 --pool 2 --node-ports 7000-7009",
      /--node-ports changes nothing: with `pool` or `single-endpoint` clients see one server/,
    ],
    ["a:1,single-endpoint,node-ports=7000-7009", /`node-ports` in argument 1 changes nothing: with `pool`/],
    [
      "",
      /REDIS_PASSWORDLESS_INSTANCES, instance 2 names no cache/,
      { REDIS_PASSWORDLESS_INSTANCES: "a:1 ,b" },
    ],
  ])("%s", (line, complaint, env = {}) => {
    expect(() => plan(line, env)).toThrow(complaint);
    expect(() => plan(line, env)).toThrow(UsageError);
  });

  test.each([
    [
      "endpoint: a:1\ninstances:\n  - endpoint: b:1\n",
      /`endpoint` \(.*line 1\) and `instances` both say what is served/,
    ],
    ["instances:\n  - endpoint: a:1\n    listen: 99999\n", /`listen` \(.*line 3\) takes PORT/],
    ["instances:\n  - name: x\n", /Nothing says which cache to serve/],
    ["endpoint: a:1\nworkers: 0\n", /`workers` \(.*line 2\) takes a whole number from 1 to 64; it got "0"/],
    ["endpoint: a:1\nquiet: yes\n", /`quiet` \(.*line 2\) takes true or false; it got "yes"/],
    [
      "endpoint: a:1\nquiet: true\nverbose: true\n",
      /`quiet` .*line 2\) and `verbose` .*line 3\) exclude each other/,
    ],
  ])("in a file: %j", (text, complaint) => {
    expect(() => plan(`--config ${file(text)}`)).toThrow(complaint);
  });

  test("a cache that no identity can log in to is diagnosed, not taken for a slip", () => {
    const refused = (line: string) => () => plan(line);
    expect(refused("x.redisenterprise.cache.azure.net")).toThrow(PasswordlessError);
    expect(refused("my-cache.privatelink.redis.azure.net")).toThrow(/private DNS zone/);
  });
});
