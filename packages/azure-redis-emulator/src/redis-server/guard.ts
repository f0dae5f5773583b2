import { type ChildProcess, spawn } from "node:child_process";

/** Reads process ids, the last of which counts; an empty line stands for none. */
const SCRIPT = 'while read -r line; do pid=$line; done; [ -z "$pid" ] || kill -9 "$pid"; rm -rf "$0"';

/**
 * A shell that waits for the end of its input, which comes when this process ends, even by SIGKILL, and then ends
 * the server that it has been told of and removes the server's folder. An `exit` handler alone would not run when
 * a signal ends the process.
 *
 * It is there for as long as the folder is, whether the server runs or not.
 */
export class Guard {
  readonly #shell: ChildProcess;

  constructor(folder: string) {
    this.#shell = spawn("sh", ["-c", SCRIPT, folder], {
      stdio: ["pipe", "ignore", "ignore"],
      // A group of its own: Ctrl-C in the terminal does not reach it before its work is done.
      detached: true,
    });
    this.#shell.on("error", () => undefined);
    this.#shell.stdin?.on("error", () => undefined);
    this.#shell.unref();
    (this.#shell.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  }

  /** @param pid of the server; `undefined` once that has ended, because its id may be somebody else's soon */
  watch(pid: number | undefined): void {
    this.#shell.stdin?.write(`${pid ?? ""}\n`);
  }

  /** Ends it, with nothing left to do. */
  dismiss(): void {
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) this.#shell.kill("SIGKILL");
  }
}
