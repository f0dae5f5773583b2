import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { DoctorReport } from "../../src/diagnose/report.js";
import type { Start, Variables } from "./machine.js";

/** The command line as it is published. */
export const COMMAND_LINE = fileURLToPath(new URL("../../dist/bundle/cli.js", import.meta.url));

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start of the process to its end. */
  readonly durationMs: number;
}

/** Runs the command line in a process of its own, with these variables and no others. */
export async function runCommand(args: readonly string[], env: Variables): Promise<Ended> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [COMMAND_LINE, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, stdout, stderr, durationMs: performance.now() - startedMs };
}

export interface Examined extends Ended {
  /** `undefined` when it printed none. */
  readonly report: DoctorReport | undefined;
}

/** `redis-passwordless doctor --json`. */
export async function runDoctor({ args, env }: Start): Promise<Examined> {
  const ended = await runCommand(["doctor", "--json", ...args], env);
  return { ...ended, report: parsed(ended.stdout) };
}

function parsed(text: string): DoctorReport | undefined {
  try {
    return JSON.parse(text) as DoctorReport;
  } catch {
    return undefined;
  }
}
