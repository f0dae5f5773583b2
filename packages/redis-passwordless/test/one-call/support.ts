import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

/** The clients that the one call serves, and which of our programs uses each. */
export const CLIENTS = [
  ["node-redis 6", "node-redis", "redis"],
  ["node-redis 5", "node-redis", "redis-5"],
  ["ioredis 6", "ioredis", "ioredis"],
  ["ioredis 5", "ioredis", "ioredis-5"],
  ["iovalkey", "ioredis", "iovalkey"],
] as const;

export type Variables = Readonly<Record<string, string>>;

/** What a program has left. */
export interface Ended {
  /** Its exit code, or the signal that ended it. */
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

type Stream = "stdout" | "stderr";

/** A program of `programs/` in a process of its own, with this environment and nothing else but `PATH`. */
export class Program {
  readonly ended: Promise<Ended>;
  /** What it has printed so far. */
  readonly output: Record<Stream, string> = { stdout: "", stderr: "" };
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(
    test: Pick<TestContext, "onTestFinished">,
    name: string,
    args: readonly string[],
    env: Variables,
  ) {
    const path = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
    this.#child = spawn(process.execPath, [path, ...args], { env: { PATH: process.env["PATH"], ...env } });
    // However the test ends, its program does too.
    test.onTestFinished(() => this.kill());
    for (const stream of ["stdout", "stderr"] as const) {
      this.#child[stream].setEncoding("utf8").on("data", (text: string) => {
        this.output[stream] += text;
      });
    }
    this.ended = once(this.#child, "close").then(([code, signal]: unknown[]) => ({
      code: code ?? signal,
      ...this.output,
    }));
  }

  /** Resolves when it has printed this. */
  async said(stream: Stream, pattern: RegExp): Promise<void> {
    const ended = this.ended.then(() => true);
    while (!pattern.test(this.output[stream])) {
      const data = once(this.#child[stream], "data").then(() => false);
      if (!(await Promise.race([data, ended]))) continue;
      throw new Error(`The program has ended without it:\n${this.output.stderr}`);
    }
  }

  /** Writes a line to its input. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Runs a program until it ends by itself. */
export function run(
  test: Pick<TestContext, "onTestFinished">,
  name: string,
  args: readonly string[],
  env: Variables,
): Promise<Ended> {
  return new Program(test, name, args, env).ended;
}

/** What stands on the last line, which is JSON. */
export function lastLine<T>({ stdout, stderr }: Ended): T {
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`The program has not come to its last line:\n${stderr}`);
  return JSON.parse(line) as T;
}

/** Those variables that are set. */
export function without(env: Variables, ...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}
