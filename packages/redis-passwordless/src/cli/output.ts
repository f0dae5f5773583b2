import type { Writable } from "node:stream";
import { withoutSecrets } from "../core/sanitise.js";
import type { Environment } from "../identity/managed-identity-source.js";

type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** What a text may look like where it goes. */
export interface Style {
  readonly colours: boolean;
  readonly columns: number;
}

/** A log has no width: whoever shows it breaks or cuts the lines. */
const WIDTH_OF_LOGS = 1_000;

/** Results go to standard output, everything else to standard error. Neither shows a secret. */
export class Output {
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #env: Environment;
  #secrets: readonly string[] = [];
  #hidesSecrets = false;
  /** Whether a line that is to be replaced stands on the terminal. */
  #hasStatus = false;

  constructor(stdout: Stream, stderr: Stream, env: Environment) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#env = env;
  }

  /**
   * Calls back when nobody reads standard output any more, as behind `| head`. That is no failure; whoever stops
   * reading standard error misses something, and that is all.
   */
  onReaderGone(callback: () => void): void {
    this.#stdout.on("error", callback);
    this.#stderr.on("error", () => {});
  }

  /** From here on these texts appear in no output, whoever writes them. */
  hide(secrets: readonly string[]): void {
    this.#hidesSecrets = true;
    this.#secrets = secrets.flatMap((secret) => [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
    ]);
  }

  /** Whether {@link hide} has been called. */
  get hidesSecrets(): boolean {
    return this.#hidesSecrets;
  }

  /** A result, for whoever called. */
  result(text: string): void {
    this.clearStatus();
    this.#stdout.write(`${this.#clean(text)}\n`);
  }

  /** A result that is a secret: for `token --raw`, and nothing else. */
  secretResult(secret: string): void {
    this.#stdout.write(`${secret}\n`);
  }

  log(text: string): void {
    this.clearStatus();
    this.#stderr.write(`${this.#clean(text)}\n`);
  }

  /** What is going on, in one line that the next output replaces; on a terminal only. */
  status(text: string): void {
    if (this.#stderr.isTTY !== true) return;
    this.clearStatus();
    this.#stderr.write(this.#clean(text).slice(0, (this.#stderr.columns ?? 80) - 1));
    this.#hasStatus = true;
  }

  /** What has happened, while more is to come: the newest on a terminal, all of it in a log. */
  progress(text: string): void {
    if (this.#stderr.isTTY === true) this.status(text);
    else this.log(text);
  }

  clearStatus(): void {
    if (this.#hasStatus) this.#stderr.write("\r\u001B[K");
    this.#hasStatus = false;
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** How results may look. */
  get resultStyle(): Style {
    return styleOf(this.#stdout, this.#env);
  }

  /** How logs may look. */
  get logStyle(): Style {
    return styleOf(this.#stderr, this.#env);
  }

  /** Resolves when all that was written is with the system, or nobody reads it. */
  async flush(): Promise<void> {
    await Promise.all(
      [this.#stdout, this.#stderr].map(
        (stream) => new Promise<void>((done) => stream.write("", () => done())),
      ),
    );
  }

  #clean(text: string): string {
    return withoutSecrets(text, this.#secrets);
  }
}

function styleOf(stream: Stream, env: Environment): Style {
  const columns = stream.isTTY === true ? (stream.columns ?? 80) : WIDTH_OF_LOGS;
  return { colours: hasColours(stream, env), columns };
}

/**
 * On terminals only, unless somebody says otherwise; FORCE_COLOR wins over NO_COLOR, as in Node.js.
 * @see https://no-color.org and https://nodejs.org/api/cli.html#force_color1-2-3
 */
function hasColours(stream: Stream, env: Environment): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: none, TERM: terminal } = env;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if (none !== undefined && none !== "") return false;
  return stream.isTTY === true && terminal !== "dumb";
}
