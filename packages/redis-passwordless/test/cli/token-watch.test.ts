import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { describe, expect, type TestContext, test } from "vitest";
import { expectNoSecret, start } from "./command-line.js";

interface Facts {
  readonly username: string;
  readonly expiresAtMs: number;
}

/** `token --watch` in a folder of its own; all of it ends with the test. */
async function watching(
  { onTestFinished }: TestContext,
  options: EmulatorOptions = { tokenLifetimeMs: 2_000 },
) {
  const azure = await startEmulator(options);
  const parent = mkdtempSync(join(tmpdir(), "cli-watch-"));
  const folder = mkdtempSync(join(parent, "volume-"));
  const path = join(folder, "token");
  const process = (...flags: string[]) => {
    const running = start(["token", "--watch", "--file", path, ...flags], { env: azure.env() });
    onTestFinished(() => void running.child.kill("SIGKILL"));
    return running;
  };
  onTestFinished(async () => {
    await azure.close();
    rmSync(parent, { recursive: true, force: true });
  });
  return { azure, folder, path, process };
}

/** Reads until the file holds another token than this one; each look must find a whole one. */
async function nextToken(path: string, previous?: string): Promise<string> {
  for (;;) {
    const token = readIfThere(path);
    if (token !== undefined && token !== previous) return token;
    await setImmediate();
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { oid: string; exp: number };

describe.concurrent("token --watch", () => {
  test("a reader always sees a whole token and its facts, for this user only, while tokens rotate", async (context) => {
    const { azure, folder, path, process } = await watching(context);
    const { child, ended } = process();
    await nextToken(`${path}.json`);
    const seen = new Set<string>();
    let looks = 0;
    while (seen.size < 4) {
      const facts = JSON.parse(readFileSync(`${path}.json`, "utf8")) as Facts;
      const token = readFileSync(path, "utf8");
      const { oid, exp } = claimsOf(token);
      expect(token.split(".")).toHaveLength(3);
      expect([oid, facts.username]).toEqual([azure.systemIdentity.objectId, azure.systemIdentity.objectId]);
      // The facts come after the token: what they promise, the token keeps (`exp` is in whole seconds).
      expect(exp * 1000 + 1_000).toBeGreaterThan(facts.expiresAtMs);
      for (const name of readdirSync(folder)) {
        const found = statSync(join(folder, name), { throwIfNoEntry: false });
        if (found !== undefined && globalThis.process.platform !== "win32")
          expect([name, found.mode & 0o777]).toEqual([name, 0o600]);
      }
      seen.add(token);
      looks += 1;
      await setImmediate();
    }
    expect(looks).toBeGreaterThan(100);
    child.kill("SIGTERM");
    const { code, stdout } = await ended;
    expect({ code, stdout, left: readdirSync(folder).sort() }).toEqual({
      code: 143,
      stdout: "",
      left: ["token", "token.json"],
    });
  });

  test("goes on through an outage of the identity provider, and says so", async (context) => {
    const { azure, path, process } = await watching(context);
    const { child, ended, said } = process("--json");
    const first = await nextToken(path);
    const fault = azure.injectFault("imds", { kind: "status", status: 500 });
    const text = await said(/the token in the file has ended at/);
    expect(text).toMatch(
      /attempt 1 failed, the token is valid until .*, the next one is at .*: .* \[[\w-]+\]/,
    );
    expect(readFileSync(path, "utf8")).not.toBe("");
    fault.remove();
    await said(/there is a token again, after \d+ failures/);
    expect(await nextToken(path, first)).toMatch(/^eyJ/);
    child.kill("SIGINT");
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    for (const line of stdout.trim().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({ kind: "token", username: azure.systemIdentity.objectId });
    }
  });

  test("waits for an identity that is not there yet", async (context) => {
    const { azure, path, process } = await watching(context);
    const fault = azure.injectFault("imds", { kind: "status", status: 503 });
    const { child, ended, said } = process();
    await said(/attempt 2 failed, there is no valid token/);
    fault.remove();
    expect(await nextToken(path)).toMatch(/^eyJ/);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
  });

  test("a volume that is away for a while gets the newest token when it is back", async (context) => {
    const { folder, path, process } = await watching(context);
    const { child, ended, said } = process();
    const first = await nextToken(path);
    renameSync(folder, `${folder}-away`);
    await said(/cannot be written \(ENOENT\); the next attempt is in 2 s/);
    renameSync(`${folder}-away`, folder);
    const later = await nextToken(path, first);
    expect(claimsOf(later).exp).toBeGreaterThan(claimsOf(first).exp);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
  });

  test("removes what a killed predecessor has left half-written, and nothing else", async (context) => {
    const { folder, path, process } = await watching(context, {});
    const [old, young, other] = [".token.new-1-aa", ".token.new-2-bb", ".token.newer"].map((name) =>
      join(folder, name),
    );
    for (const file of [old!, young!, other!]) writeFileSync(file, "half");
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const file of [old!, other!]) utimesSync(file, longAgo, longAgo);
    const { child, ended } = process();
    await nextToken(`${path}.json`);
    child.kill("SIGTERM");
    await ended;
    expect(readdirSync(folder).sort()).toEqual([".token.new-2-bb", ".token.newer", "token", "token.json"]);
  });

  test("what nobody has foreseen ends in one line without a secret, and exit code 1", async (context) => {
    const { azure, path } = await watching(context, {});
    const secret = azure.servicePrincipal.secret!;
    const token = await azure.issueToken(azure.systemIdentity.objectId);
    const throwing = (what: string) =>
      `--import data:text/javascript,setTimeout(()=>{${what}(new(Error)(process.env.AZURE_CLIENT_SECRET+process.env.A_TOKEN))},400)`;
    for (const what of ["throw", "Promise.reject"]) {
      const env = { ...azure.env(azure.servicePrincipal), A_TOKEN: token, NODE_OPTIONS: throwing(what) };
      const { code, stdout, stderr } = await start(["token", "--watch", "--file", path], { env }).ended;
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      const crash = stderr.split("\n").filter((line) => line.includes("crashed"));
      expect(crash).toEqual([
        expect.stringMatching(
          /^redis-passwordless: crashed: Error: \[secret removed\]\[token removed\] \(at .*\)\./,
        ),
      ]);
      expectNoSecret(stderr, { AZURE_CLIENT_SECRET: secret });
    }
  });
});
