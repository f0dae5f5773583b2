import { EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED } from "./exit-codes.js";

/** The end that somebody asks for while a command runs. */
export class Stop {
  readonly #controller = new AbortController();
  #exitCode: number | undefined;

  /** Further signals change nothing: `timeout`, npx and terminals send the same one twice. */
  listen(): void {
    process.on("SIGINT", () => this.#stop(EXIT_INTERRUPTED));
    process.on("SIGTERM", () => this.#stop(EXIT_TERMINATED));
  }

  /** Nobody reads the results any more. */
  readerGone(): void {
    this.#stop(EXIT_DONE);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code that belongs to what has happened; `undefined` while nobody has asked for an end. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Resolves when somebody asks for the end, and keeps the process alive until then. */
  async requested(): Promise<void> {
    if (this.signal.aborted) return;
    const stay = setInterval(() => {}, 2 ** 30);
    await new Promise((resolve) => this.signal.addEventListener("abort", resolve, { once: true }));
    clearInterval(stay);
  }

  #stop(exitCode: number): void {
    this.#exitCode ??= exitCode;
    this.#controller.abort();
  }
}
