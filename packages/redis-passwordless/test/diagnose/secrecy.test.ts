import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../identity/support.js";
import { COMMAND_LINE, runCommand } from "./doctor-process.js";
import { Machine, type Start } from "./machine.js";

const SECRET = "Xq8~client.secret-of-an-application";
const HEADER = "0F9A8B7C6D5E4F3A2B1C0D9E8F7A6B5C";
const PASSWORD = "password-of-a-certificate";
const KEY = "YWNjZXNzIGtleSBvZiBhIGNhY2hlIHRoYXQgaXMgc2VjcmV0IQ==";

let azure: Emulator;
/** A token that the cache takes, and one that it refuses. */
let token: string;
let strangers: string;

beforeAll(async () => {
  azure = await startEmulator({ redis: { accessKey: KEY } });
  token = await azure.issueToken(azure.servicePrincipal.objectId);
  strangers = await azure.issueToken("3f9d0c3e-6c0e-4b8a-9d6b-0f6f2f0a9c11");
});

afterAll(() => azure.close());

/** Whatever part of these is in a text; long enough that no other text has it by accident. */
function leaksIn(text: string, ...secrets: readonly string[]): string[] {
  const parts = [token, strangers, SECRET, HEADER, PASSWORD, KEY, ...secrets].flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString("base64"),
    ...secret.split(".").filter((part) => part.length >= 16),
    secret.slice(0, 24),
  ]);
  // The beginning of every JWT.
  return [...parts, "eyJ", "PRIVATE KEY"].filter((part) => text.includes(part));
}

/** The service principal; the authority answers its requests in this way. */
function application(machine: Machine, body: string, status = 200): Start {
  const fault =
    status === 200 ? ({ kind: "malformed", body } as const) : ({ kind: "status", status, body } as const);
  const active = azure.injectFault("authority", fault, { objectId: azure.servicePrincipal.objectId });
  machine.onClose(() => active.remove());
  return machine.start(azure.servicePrincipal, { AZURE_CLIENT_SECRET: SECRET });
}

const answer = (accessToken: string): string =>
  JSON.stringify({ token_type: "Bearer", expires_in: 3599, access_token: accessToken });

const appService = (machine: Machine): Start => {
  const { endpoint } = azure.appService;
  return machine.start(undefined, { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: HEADER });
};

async function metadata(machine: Machine, given: string): Promise<Start> {
  const AZURE_POD_IDENTITY_AUTHORITY_HOST = await machine.metadataService({ token: given });
  return machine.start(undefined, { AZURE_POD_IDENTITY_AUTHORITY_HOST });
}

async function pod(machine: Machine): Promise<Start> {
  const file = machine.file("token", await azure.issueFederatedToken({ subject: "nobody" }));
  const { clientId } = azure.servicePrincipal;
  const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
  return machine.start(undefined, { ...names, AZURE_FEDERATED_TOKEN_FILE: file });
}

function certificate(machine: Machine): Start {
  using made = makeCertificates();
  const file = machine.file("app.pem", made.server.key + made.server.cert);
  const names = { AZURE_CLIENT_ID: azure.servicePrincipal.clientId, AZURE_TENANT_ID: azure.tenantId };
  return machine.start(undefined, {
    ...names,
    AZURE_CLIENT_CERTIFICATE_PATH: file,
    AZURE_CLIENT_CERTIFICATE_PASSWORD: PASSWORD,
  });
}

const withKey = (machine: Machine, key: string): Start => ({
  args: [],
  env: machine.env(undefined, {
    AZURE_REDIS_CONNECTIONSTRING: `rediss://:${encodeURIComponent(key)}@${machine.address}/0`,
  }),
});

const echo = (): string =>
  JSON.stringify({
    error: "invalid_client",
    error_description: `AADSTS7000215: '${SECRET}' is wrong. client_assertion=${token}`,
    error_codes: [7_000_215],
  });

const SET_UPS: readonly (readonly [string, (machine: Machine) => Start | Promise<Start>])[] = [
  ["a token that is accepted", (machine) => application(machine, answer(token))],
  ["a token that Redis refuses", (machine) => metadata(machine, strangers)],
  ["a token without its signature", (machine) => metadata(machine, token.split(".").slice(0, 2).join("."))],
  ["a token that is cut off", (machine) => application(machine, answer(token).slice(0, -40))],
  ["an authority that repeats everything", (machine) => application(machine, echo(), 401)],
  ["a proxy that repeats everything", (machine) => application(machine, `<html>${SECRET} ${token}`, 502)],
  ["an identity header that is refused", appService],
  ["a federated token that is refused", pod],
  ["a certificate that is refused", certificate],
  ["an access key", (machine) => withKey(machine, KEY)],
  ["an access key that is refused", (machine) => withKey(machine, `x${KEY}`)],
  [
    "a secret in a flag that is no flag",
    (machine) => ({ args: ["--client-secret", SECRET], env: machine.env(azure.systemIdentity) }),
  ],
  [
    "a password in the address",
    (machine) => ({
      args: [`rediss://:${encodeURIComponent(KEY)}@${machine.address}`],
      env: machine.env(azure.systemIdentity),
    }),
  ],
];

const COMMANDS: readonly (readonly string[])[] = [
  ["doctor", "--verbose"],
  ["doctor", "--json", "--verbose"],
  ["token", "--verbose"],
];

// One set-up after the other: some change what the authority answers to the same application.
describe("nothing that is printed holds a secret", () => {
  test.each(SET_UPS)("%s", { timeout: 60_000 }, async (_, prepare) => {
    await using machine = new Machine(azure);
    const { args, env } = await prepare(machine);
    const file = env["AZURE_FEDERATED_TOKEN_FILE"];
    const federated = file === undefined ? [] : [readFileSync(file, "utf8")];
    const runs = COMMANDS.map(async ([command = "", ...flags]) => {
      const own = command === "token" ? args.filter((arg) => arg !== machine.address) : args;
      const { stdout, stderr } = await runCommand([command, ...flags, ...own], env);
      return stdout + stderr;
    });
    for (const printed of await Promise.all(runs)) {
      expect(printed).not.toBe("");
      expect(leaksIn(printed, ...federated), printed).toEqual([]);
    }
  });

  test("every identity side by side", { timeout: 60_000 }, async () => {
    await using machine = new Machine(azure);
    const { args, env } = application(machine, answer(token));
    const all = { ...env, IDENTITY_ENDPOINT: azure.appService.endpoint, IDENTITY_HEADER: HEADER };
    const runs = [["--verbose"], ["--json"]].map(async (flags) => {
      const { stdout, stderr } = await runCommand(["doctor", "--all-identities", ...flags, ...args], all);
      return stdout + stderr;
    });
    for (const printed of await Promise.all(runs)) {
      expect(printed).toContain(azure.servicePrincipal.clientId);
      expect(leaksIn(printed), printed).toEqual([]);
    }
  });

  test("only --raw prints a token, and the search would find it", { timeout: 60_000 }, async () => {
    await using machine = new Machine(azure);
    const { env } = application(machine, answer(token));
    const { stdout, stderr } = await runCommand(["token", "--raw"], env);
    expect(stdout.trim()).toBe(token);
    expect(leaksIn(stdout)).not.toEqual([]);
    expect(leaksIn(stderr)).toEqual([]);
  });
});

/** Fails in a place that nobody foresees, once the command line is ready for it. */
const CRASH = `
  const crash = setInterval(() => {
    if (process.listenerCount("uncaughtException") === 0) return;
    clearInterval(crash);
    const { AZURE_CLIENT_SECRET, TOKEN } = process.env;
    const error = new Error("password " + AZURE_CLIENT_SECRET + " token " + TOKEN);
    throw Object.assign(error, { cause: new Error(TOKEN), config: { AZURE_CLIENT_SECRET } });
  }, 1);
`;

describe("a process that is ended from outside, or fails, prints no secret", () => {
  test("a crash", { timeout: 60_000 }, async () => {
    await using machine = new Machine(azure);
    const { args, env } = application(machine, answer(token));
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(CRASH)}`;
    for (const command of ["doctor", "token"]) {
      const own = command === "doctor" ? args : [];
      const ended = await runCommand([command, ...own], { ...env, NODE_OPTIONS, TOKEN: token });
      expect(ended.exitCode).toBe(1);
      expect(ended.stderr).toContain("crashed");
      expect(leaksIn(ended.stdout + ended.stderr), ended.stderr).toEqual([]);
    }
  });

  test("SIGTERM in the middle of a login", { timeout: 60_000 }, async () => {
    await using machine = new Machine(azure);
    const { args, env } = application(machine, answer(token));
    const hanging = azure.redis.injectFault({ kind: "hang" });
    machine.onClose(() => hanging.remove());
    const since = azure.events.length;
    const child = spawn(process.execPath, [COMMAND_LINE, "doctor", "--json", "--verbose", ...args], { env });
    const printed: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => printed.push(chunk));
    }
    await azure.waitFor("connected", () => true, { since });
    child.kill("SIGTERM");
    const [exitCode] = (await once(child, "close")) as [number];
    expect(exitCode).toBe(143);
    expect(leaksIn(Buffer.concat(printed).toString())).toEqual([]);
  });

  test("a reader that goes away", { timeout: 60_000 }, async () => {
    await using machine = new Machine(azure);
    const { args, env } = application(machine, answer(token));
    const child = spawn(process.execPath, [COMMAND_LINE, "doctor", "--verbose", ...args], { env });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await once(child, "close");
    expect(stderr).not.toContain("EPIPE");
    expect(leaksIn(stderr)).toEqual([]);
  });
});
