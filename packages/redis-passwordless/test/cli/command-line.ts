import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/** What `npm run build` makes, which is what users run. */
export const CLI = fileURLToPath(new URL("../../dist/bundle/cli.js", import.meta.url));

export interface Ended {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with all of standard error as soon as this is in it; rejects when the process ends without it. */
  readonly said: (text: string | RegExp) => Promise<string>;
}

export interface RunOptions {
  /** All variables besides PATH: the shell's own must not decide anything. */
  readonly env?: Readonly<Record<string, string>>;
  /** That a token is on standard output is meant. */
  readonly printsToken?: true;
  readonly uid?: number;
  /** The Node.js that runs it. */
  readonly node?: string | undefined;
}

/** Starts the command line as it is shipped. Whatever it prints is searched for tokens and for the secrets of `env`. */
export function start(
  args: readonly string[],
  { env = {}, printsToken, uid, node = process.execPath }: RunOptions = {},
): Run {
  const child = spawn(node, [CLI, ...args], {
    env: { PATH: process.env["PATH"], ...env },
    ...(uid === undefined ? {} : { uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code: code ?? signal ?? "SIGKILL", stdout, stderr });
    });
  }).then((ended) => {
    expectNoSecret(printsToken === true ? ended.stderr : `${ended.stdout}${ended.stderr}`, env);
    return ended;
  });
  const said = (text: string | RegExp) =>
    new Promise<string>((resolve, reject) => {
      const isSaid = () => (typeof text === "string" ? stderr.includes(text) : text.test(stderr));
      const end = () => reject(new Error(`It ended without saying ${String(text)}: ${stderr}`));
      const look = () => {
        if (!isSaid()) return;
        child.stderr.off("data", look);
        child.off("close", end);
        resolve(stderr);
      };
      child.stderr.on("data", look);
      child.on("close", end);
      look();
    });
  return { child, ended, said };
}

export function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

/** The variables that hold secrets. */
const SECRETS = [
  "AZURE_CLIENT_SECRET",
  "AZURE_REDIS_CLIENTSECRET",
  "AZURE_REDIS_PASSWORD",
  "IDENTITY_HEADER",
];

export function expectNoSecret(text: string, env: Readonly<Record<string, string>>): void {
  expect(text).not.toMatch(/eyJ[\w-]{10,}/);
  for (const secret of SECRETS.flatMap((name) => env[name] ?? [])) expect(text).not.toContain(secret);
}
