import { EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED } from "./exit-codes.js";

/** A signal that comes later than this after the first is a second one, in milliseconds. */
const AGAIN_MS = 500;

/** The end that somebody asks for while a command runs. */
export class Stop {
  readonly #controller = new AbortController();
  readonly #again = new AbortController();
  #exitCode: number | undefined;
  #askedAtMs = 0;

  /** Signals that follow at once change nothing: `timeout`, npx and terminals send the same one twice. */
  listen(): void {
    process.on("SIGINT", () => this.#stop(EXIT_INTERRUPTED));
    process.on("SIGTERM", () => this.#stop(EXIT_TERMINATED));
  }

  /** Somebody asks for the end in another way than by a signal. */
  request(): void {
    this.#stop(EXIT_DONE);
  }

  /** Nobody reads the results any more. */
  readerGone(): void {
    this.#stop(EXIT_DONE);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts when somebody asks for the end again, who does not want to wait for it. */
  get again(): AbortSignal {
    return this.#again.signal;
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
    if (this.#exitCode === undefined) {
      this.#exitCode = exitCode;
      this.#askedAtMs = performance.now();
      this.#controller.abort();
    } else if (performance.now() - this.#askedAtMs > AGAIN_MS) this.#again.abort();
  }
}
