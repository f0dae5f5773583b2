import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Emulator, Identity } from "azure-redis-emulator";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const TOOL = here("tools/tool.mjs");
const BROWSER = here("tools/browser.mjs");
const PROGRAM = here("program.mjs");

export type ToolName = "az" | "azd" | "pwsh";
/** Who is logged in to a tool, or what it says on stderr instead of giving a token. */
export type ToolState = Identity | { readonly stderr: string };
export type Tools = Readonly<Partial<Record<ToolName, ToolState>>>;

/** A developer's machine: its tools are those that are named, and nothing else of the machine's is in its `PATH`. */
export class Laptop implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "laptop-"));
  readonly #azure: Emulator;
  readonly #tools: readonly ToolName[];

  constructor(azure: Emulator, tools: Tools = {}) {
    this.#azure = azure;
    this.#tools = Object.keys(tools) as ToolName[];
    this.login(tools);
    writeFileSync(this.#path("calls"), "");
    for (const tool of this.#tools) this.#install(tool, `"${TOOL}" ${tool}`);
    this.#install("browser", `"${BROWSER}"`);
  }

  /** Changes who is logged in to the tools. */
  login(tools: Tools): void {
    writeFileSync(this.#path("state"), JSON.stringify(tools));
  }

  /** How the tools have been called. */
  get calls(): { readonly tool: ToolName; readonly args: string[] }[] {
    const lines = readFileSync(this.#path("calls"), "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as { tool: ToolName; args: string[] });
  }

  /** The environment of a program: where Redis and Entra ID are, and nothing that names an identity. */
  env(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { caFile, authorityHost, controlUrl, redis } = this.#azure;
    return {
      PATH: this.folder,
      TOOLS_STATE: this.#path("state"),
      TOOLS_LOG: this.#path("calls"),
      NODE_EXTRA_CA_CERTS: caFile,
      AZURE_AUTHORITY_HOST: authorityHost,
      AZURE_REDIS_EMULATOR_URL: controlUrl,
      REDIS_URL: redis.url,
      ...extra,
    };
  }

  /** How `xdg-open`, which comes with @azure/identity, finds the browser; it is a shell script. */
  browser(): Record<string, string> {
    return { PATH: `${this.folder}:/usr/bin:/bin`, BROWSER: this.#path("browser") };
  }

  /** Starts the program. @param login which credential it uses; without one it names no identity */
  run(login: string | undefined, extra?: Readonly<Record<string, string>>): Program {
    return new Program(login === undefined ? [] : [login], this.env(extra));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #install(name: string, command: string): void {
    writeFileSync(this.#path(name), `#!/bin/sh\nexec "${process.execPath}" ${command} "$@"\n`);
    chmodSync(this.#path(name), 0o755);
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}

export interface Line {
  readonly clientId?: number;
  readonly prompt?: { readonly userCode: string; readonly verificationUri: string; readonly message: string };
  /** Code of a request's error; the program goes on. */
  readonly failing?: string;
  readonly error?: {
    readonly code: string;
    readonly rule: string;
    readonly message: string;
    readonly remedy: string;
    readonly retryable: boolean;
    readonly details: Readonly<Record<string, unknown>>;
  };
}

/** `program.mjs` in a process of its own. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #stderr = "";

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#closed = once(this.#child, "close");
    this.#child.stderr?.on("data", (text: Buffer) => {
      this.#stderr += text.toString();
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("the program has no output");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** The next line that it prints. */
  async line(): Promise<Line> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error(`The program has ended:\n${this.#stderr}`);
    return JSON.parse(value) as Line;
  }

  /** The next line that says this, past what is failing meanwhile. */
  async said<K extends keyof Line>(name: K): Promise<NonNullable<Line[K]>> {
    for (;;) {
      const line = await this.line();
      const value = line[name];
      if (value !== undefined) return value;
      if (line.failing === undefined) throw new Error(`It says no ${name} but: ${JSON.stringify(line)}`);
    }
  }

  /** Resolves with its connection when it is connected. */
  connected(): Promise<number> {
    return this.said("clientId");
  }

  /** The error that it ends in. */
  async failed(): Promise<NonNullable<Line["error"]>> {
    const error = await this.said("error");
    await this.#closed;
    return error;
  }

  /** Tells it to end; resolves with the connection that it had last. */
  async end(): Promise<number> {
    this.#child.stdin?.end();
    const clientId = await this.connected();
    await this.#closed;
    return clientId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

type LoginEvent = Extract<Emulator["events"][number], { type: "login" }>;

/** Ends the program when it has logged in with so many tokens on one connection; returns its logins. */
export async function rotated(azure: Emulator, program: Program, tokens: number): Promise<LoginEvent[]> {
  const before = await program.connected();
  const since = azure.events.length;
  const logins = (): LoginEvent[] => azure.events.filter((event) => event.type === "login");
  const last = () => new Set(logins().map(({ tokenId }) => tokenId)).size >= tokens;
  if (!last()) await azure.waitFor("login", last, { since });
  const after = await program.end();
  if (after !== before) throw new Error(`It has reconnected: CLIENT ID was ${before} and is ${after}.`);
  return logins();
}
