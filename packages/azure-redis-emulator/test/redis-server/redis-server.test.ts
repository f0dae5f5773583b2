import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectRedisServer,
  findRedisServer,
  type RedisServer,
  startRedisServer,
} from "../../src/redis-server/redis-server.js";
import { describeVersion } from "../../src/redis-server/server.js";

/** Whether something listens on a loopback port. */
async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function folderOf(server: RedisServer): Promise<string> {
  const [, folder] = (await server.command("CONFIG", "GET", "dir")) as string[];
  return folder!;
}

describe("startRedisServer", () => {
  test("starts a server that wants its password and listens on loopback", async () => {
    const server = await startRedisServer();
    expect(server.version).toMatch(/^(redis|valkey) \d+\.\d+\.\d+$/);
    expect(server.adminUrl).toBe(`redis://default:${server.password}@127.0.0.1:${server.port}`);
    expect(await server.command("CONFIG", "GET", "bind")).toEqual(["bind", "127.0.0.1"]);
    const stranger = await connectRedisServer(`redis://127.0.0.1:${server.port}`).catch(
      (error: Error) => error.message,
    );
    expect(stranger).toMatch(/^NOAUTH/);
    await server.close();
  });

  test("keeps data, users, password and port over a restart", async () => {
    const server = await startRedisServer();
    const { port, password } = server;
    await server.command("SET", "k", "v");
    await server.command("ACL", "SETUSER", "somebody", "on", ">p", "+@all", "~*");
    await server.restart();
    expect([server.port, server.password]).toEqual([port, password]);
    expect(await server.command("GET", "k")).toBe("v");
    expect(await server.command("ACL", "USERS")).toEqual(["default", "somebody"]);
    await server.close();
  });

  test("lets commands wait for a restart, which happens once however often it is asked for", async () => {
    const server = await startRedisServer();
    await server.command("SET", "k", "v");
    const wasRunning = new Set<boolean>();
    const watch = (): void => {
      wasRunning.add(server.isRunning);
      watching = setImmediate(watch);
    };
    let watching = setImmediate(watch);
    const [, , value] = await Promise.all([server.restart(), server.restart(), server.command("GET", "k")]);
    clearImmediate(watching);
    expect(value).toBe("v");
    // Whoever asks, and would leave out a server that is down, must not leave out this one.
    expect([...wasRunning]).toEqual([true]);
    await server.close();
  });

  test("loses what it has in memory when it is killed, and starts again on the same port", async () => {
    const server = await startRedisServer();
    await server.command("SET", "k", "v");
    await server.kill();
    expect(server.isRunning).toBe(false);
    expect(await isListening(server.port)).toBe(false);
    await expect(server.command("PING")).rejects.toThrow("The Redis server is stopped");
    await server.start();
    expect(server.isRunning).toBe(true);
    expect(await server.command("GET", "k")).toBeNull();
    await server.close();
  });

  test("finds a server that is named by a relative path", async () => {
    const bin = relative(process.cwd(), await findRedisServer(process.env));
    const server = await startRedisServer({ bin });
    expect(await server.command("PING")).toBe("PONG");
    await server.close();
  });

  test("shows its password to nobody who lists processes", async () => {
    const server = await startRedisServer({ isClusterNode: true });
    const pid = /^process_id:(\d+)/m.exec(String(await server.command("INFO", "server")))?.[1];
    const { stdout } = await promisify(execFile)("ps", ["-o", "args=", "-p", pid!]);
    expect(stdout).toContain(String(server.port));
    expect(stdout).not.toContain(server.password);
    expect(statSync(await folderOf(server)).mode & 0o077).toBe(0);
    await server.close();
  });

  test("can be closed during a restart", async () => {
    const server = await startRedisServer();
    const restarted = server.restart();
    await server.close();
    await restarted;
    expect(await isListening(server.port)).toBe(false);
  });

  test("leaves nothing when it is closed, and closing twice is no error", async () => {
    const server = await startRedisServer();
    const folder = await folderOf(server);
    await server.close();
    await server.close();
    expect(await isListening(server.port)).toBe(false);
    expect(existsSync(folder)).toBe(false);
    await expect(server.command("PING")).rejects.toThrow("The Redis server is closed");
  });

  test("hands further arguments to the server", async () => {
    const server = await startRedisServer({ args: ["--maxmemory", "64mb"] });
    expect(await server.command("CONFIG", "GET", "maxmemory")).toEqual(["maxmemory", String(64 * 1_048_576)]);
    await server.close();
  });

  test("shows the end of the server's log when it does not start", async () => {
    const server = await startRedisServer();
    await expect(startRedisServer({ port: server.port })).rejects.toThrow(/exited[^]*Address already in use/);
    await server.close();
  });

  test("does not take another server on its port for its own, even with the same password", async () => {
    // As the nodes of a cluster have that start at the same time.
    const server = await startRedisServer();
    const { port, password } = server;
    await expect(startRedisServer({ port, password })).rejects.toThrow(/exited[^]*Address already in use/);
    await server.close();
  });

  test("rejects with the server's words when a command fails", async () => {
    const server = await startRedisServer();
    await expect(server.command("NOSUCH")).rejects.toThrow(/^ERR unknown command/);
    await server.close();
  });

  test.each([
    ["the server", ""],
    ["the folder of a server that was killed before", "await server.kill();"],
  ])("takes %s along when the process is killed", async (_, before) => {
    const module = new URL("../../dist/redis-server/redis-server.js", import.meta.url);
    const script = `
      import { startRedisServer } from ${JSON.stringify(module.href)};
      const server = await startRedisServer();
      const [, folder] = await server.command("CONFIG", "GET", "dir");
      ${before}
      process.send({ port: server.port, folder });
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    });
    const [message] = (await once(child, "message")) as [{ port: number; folder: string }];
    expect(await isListening(message.port)).toBe(before === "");
    expect(existsSync(message.folder)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    while ((await isListening(message.port)) || existsSync(message.folder));
  });
});

describe("connectRedisServer", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server.close());

  test("uses a server that is there, and leaves it running", async () => {
    const given = await connectRedisServer(server.adminUrl);
    expect(given).toMatchObject({ port: server.port, version: server.version, adminUrl: server.adminUrl });
    expect(await given.command("PING")).toBe("PONG");
    await given.close();
    expect(await server.command("PING")).toBe("PONG");
  });

  test("connects again after its connection broke", async () => {
    const given = await connectRedisServer(server.adminUrl);
    await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await given.command("PING").catch(() => undefined);
    expect(await given.command("PING")).toBe("PONG");
    await given.close();
  });

  test("cannot restart it, and says what to do", async () => {
    const given = await connectRedisServer(server.adminUrl);
    await expect(given.restart()).rejects.toThrow("Leave out the URL to let the emulator start one.");
    await given.close();
  });

  test.each(["http://user:secret@host:1", "not a secret URL", "rediss://user:secret@host:1"])(
    "refuses %s without repeating its password",
    async (url) => {
      const message = await connectRedisServer(url).then(
        () => "connected",
        (error: Error) => error.message,
      );
      expect(message).toContain("redis://user:password@host:port");
      expect(message).not.toContain("secret");
    },
  );
});

describe("findRedisServer", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "find-redis-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A program that answers `--version` like a server. */
  function fakeServer(name: string, version: string): string {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\necho '${version}'\n`);
    chmodSync(path, 0o755);
    return path;
  }

  test("prefers REDIS_SERVER_BIN to PATH", async () => {
    const path = fakeServer("my-valkey", "Valkey server v=8.1.1 sha=0 bits=64");
    expect(await findRedisServer({ REDIS_SERVER_BIN: path, PATH: process.env["PATH"] })).toBe(path);
  });

  test("finds a valkey-server on PATH", async () => {
    const path = fakeServer("valkey-server", "Valkey server v=8.1.1 sha=0 bits=64");
    expect(await findRedisServer({ PATH: `/nonexistent:${folder}` })).toBe(path);
  });

  test("says what to install when there is none", async () => {
    await expect(findRedisServer({ PATH: "/nonexistent" })).rejects.toThrow(
      /^No redis-server and no valkey-server was found on PATH\. Install .* or set REDIS_SERVER_BIN/,
    );
  });

  test("refuses a version older than 6.2", async () => {
    const path = fakeServer("old", "Redis server v=6.0.16 sha=0 bits=64");
    await expect(findRedisServer({ REDIS_SERVER_BIN: path })).rejects.toThrow(
      `${path} (from REDIS_SERVER_BIN) has version 6.0, which is too old.`,
    );
  });

  test("refuses what is no server, or not there", async () => {
    const path = fakeServer("other", "hello");
    await expect(findRedisServer({ REDIS_SERVER_BIN: path })).rejects.toThrow("is no Redis server");
    await expect(findRedisServer({ REDIS_SERVER_BIN: `${path}-missing` })).rejects.toThrow("cannot be run");
  });
});

describe("describeVersion", () => {
  test.each([
    ["# Server\r\nredis_version:7.0.15\r\n", "redis 7.0.15"],
    ["# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n", "valkey 8.1.1"],
  ])("reads %j", (info, version) => {
    expect(describeVersion(info)).toBe(version);
  });
});
