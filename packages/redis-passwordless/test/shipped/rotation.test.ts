import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "azure-redis-emulator";
import { describe, expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("busy-client.mjs", import.meta.url));
const CONNECTIONS = 3;

/** The other tests run the sources; what is shipped is one bundle of them, and a bundler may leave things out. */
describe.concurrent("the library as it is shipped", () => {
  test.for(["redis", "redis-5", "ioredis", "ioredis-5", "iovalkey"])(
    "%s: every connection logs in again, and again, while garbage is collected",
    { timeout: 60_000 },
    async (name, context) => {
      await using azure = await startEmulator({ tokenLifetimeMs: 3_000 });
      const child = spawn(process.execPath, ["--expose-gc", PROGRAM, name], {
        env: { ...process.env, ...azure.env() },
        stdio: ["pipe", "ignore", "pipe"],
      });
      let said = "";
      child.stderr.on("data", (text: Buffer) => {
        said += text.toString();
      });
      const exited = once(child, "exit");
      // However the test ends, its program does too.
      context.onTestFinished(() => void child.kill("SIGKILL"));
      const logins = new Map<number, number>();
      const done = azure.waitFor("login", ({ connectionId, accepted }) => {
        if (accepted) logins.set(connectionId, (logins.get(connectionId) ?? 0) + 1);
        return [...logins.values()].filter((count) => count >= 3).length === CONNECTIONS;
      });
      await Promise.race([done, exited]);
      child.stdin.end();
      expect({ code: (await exited)[0], said }).toEqual({ code: 0, said: "" });
      const evicted = azure.events.filter(
        (event) => event.type === "disconnected" && event.reason === "tokenExpired",
      );
      expect(evicted).toEqual([]);
    },
  );
});
