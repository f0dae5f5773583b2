import { systemClock } from "../core/clock.js";
import type { Token } from "../core/token.js";
import type { TokenManager } from "../core/token-manager.js";
import { EXIT_DONE } from "./exit-codes.js";
import { failureLine, isHopeless } from "./failure.js";
import type { Session } from "./session.js";
import type { TokenFile } from "./token-file.js";
import { factsOf, type TokenSource } from "./token-source.js";

/** Between two attempts to write a token, in milliseconds: a full disk is not emptied any faster. */
const WRITE_AGAIN_MS = 2_000;

/**
 * Keeps a file fresh until somebody asks for the end. It goes on through outages of the identity provider, and of the
 * disk; what is in the file stays there, also at the end.
 */
export async function keepFresh(session: Session, source: TokenSource, file: TokenFile): Promise<number> {
  const { output, stop } = session;
  const log = (text: string) => output.log(`${new Date(systemClock.now()).toISOString()} ${text}`);
  const requestedAtMs = systemClock.now();
  const manager = source.manager({});
  const writing = new Writing(
    async (token) => {
      const report = source.report(token, manager, requestedAtMs);
      await file.write(token.reveal(), factsOf(report, token));
      log(`${file.path}: ${String(token)}`);
      if (session.settings.isOn("json")) output.result(JSON.stringify(report));
    },
    (error) =>
      log(`${file.path} cannot be written (${error}); the next attempt is in ${WRITE_AGAIN_MS / 1000} s`),
  );
  const hopeless = logEvents(manager, source, log);
  manager.subscribe((token) => writing.write(token));
  await Promise.race([stop.requested(), hopeless]);
  await manager.close();
  await writing.end();
  return stop.exitCode ?? EXIT_DONE;
}

/** Tells what happens; rejects when it is clear at the very beginning that there will never be a token. */
function logEvents(manager: TokenManager, source: TokenSource, log: (text: string) => void): Promise<never> {
  manager.on("recovered", ({ failures, outageMs }) =>
    log(`there is a token again, after ${failures} failures in ${Math.round(outageMs / 1000)} s`),
  );
  manager.on("tokenExpired", ({ expiredAtMs }) =>
    log(`the token in the file has ended at ${new Date(expiredAtMs).toISOString()}`),
  );
  return new Promise((_, reject) => {
    manager.on("refreshFailing", ({ error, attempt, nextAttemptAtMs, expiresAtMs }) => {
      if (isHopeless(error)) reject(error);
      const left =
        expiresAtMs === undefined
          ? "there is no valid token"
          : `the token is valid until ${new Date(expiresAtMs).toISOString()}`;
      log(
        `attempt ${attempt} failed, ${left}, the next one is at ${new Date(nextAttemptAtMs).toISOString()}: ${failureLine(error, source.facts)}`,
      );
    });
  });
}

/** Writes one token after the other; of those that wait, the newest. */
class Writing {
  readonly #write: (token: Token) => Promise<void>;
  readonly #onFailure: (error: string) => void;
  #next: Token | undefined;
  #running: Promise<void> | undefined;
  #again: Disposable | undefined;
  #isOver = false;

  constructor(write: (token: Token) => Promise<void>, onFailure: (error: string) => void) {
    this.#write = write;
    this.#onFailure = onFailure;
  }

  write(token: Token): void {
    this.#next = token;
    this.#running ??= this.#work();
  }

  /** Resolves when nothing is being written; what could not be written is left. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#again?.[Symbol.dispose]();
    await this.#running;
  }

  async #work(): Promise<void> {
    while (this.#next !== undefined) {
      const token = this.#next;
      this.#next = undefined;
      try {
        await this.#write(token);
      } catch (error) {
        this.#next ??= token;
        this.#onFailure((error as NodeJS.ErrnoException).code ?? String(error));
        break;
      }
    }
    this.#running = undefined;
    if (this.#next === undefined || this.#isOver) return;
    this.#again?.[Symbol.dispose]();
    this.#again = systemClock.schedule(() => {
      this.#running ??= this.#work();
    }, WRITE_AGAIN_MS);
  }
}
