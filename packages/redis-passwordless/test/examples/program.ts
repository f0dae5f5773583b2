import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A program in a process of its own, with this environment and nothing else but `PATH`. */
export class Program {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #end = new AbortController();
  #output = "";

  constructor(path: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [path], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
    this.#exited = once(this.#child, "close").then(([code, signal]: unknown[]) => {
      this.#end.abort(new Error(`The program ended with ${String(code ?? signal)}:\n${this.#output}`));
      return code ?? signal;
    });
  }

  /** All that it has printed so far, on stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** Aborted, with what it has printed, when it ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Resolves when it has printed this. */
  async printed(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#output)) {
      if (this.#child.stdout === null) return;
      await once(this.#child.stdout, "data", { signal: this.signal });
    }
  }

  /** Tells it to stop; resolves with its exit code, or with the signal that ended it. */
  async stop(): Promise<unknown> {
    this.#child.kill("SIGTERM");
    return this.#exited;
  }

  /** Ends it, if it has not ended yet. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
