import { PasswordlessError } from "../../core/errors.js";
import type { Token } from "../../core/token.js";
import { type Connection, type LoginResult, refusedError } from "../../reauth/connection.js";
import type { AttachedClient } from "./attached-client.js";
import type { CredentialsListener } from "./structural.js";
import { type Outcome, type TracedCommand, traceCommand } from "./trace.js";

/**
 * A password that node-redis's encoder refuses to write. An AUTH with it never reaches the wire, but on its way
 * to the encoder it shows which client a listener belongs to and whether that client is still open.
 */
const UNSENDABLE = Object.freeze({}) as unknown as string;

/** One client's subscription: from a handshake until the client reconnects or is closed. */
export class Subscription implements Connection {
  /**
   * Held weakly: node-redis never disposes the subscription of a lost connection, it only forgets its
   * disposable (checked with 5.12.1 and 6.3.1). The disposable holds the listener, so a forgotten one can go.
   */
  readonly #listener: WeakRef<CredentialsListener>;
  readonly #attachedClient: (clientId: string) => AttachedClient | undefined;
  #clientId: string | undefined;
  #label: string;
  #isUp = false;
  /** Set by the provider, which forgets the subscription. */
  dropped?: () => void;

  constructor(
    listener: CredentialsListener,
    label: string,
    attachedClient: (clientId: string) => AttachedClient | undefined,
  ) {
    this.#listener = new WeakRef(listener);
    this.#label = label;
    this.#attachedClient = attachedClient;
  }

  get label(): string {
    return this.#label;
  }

  /** node-redis's id of the client; unknown for a RESP2 subscriber, to which it passes nothing on. */
  get clientId(): string | undefined {
    return this.#clientId;
  }

  /** Whether the handshake is done and the connection has not been lost since. */
  get isUp(): boolean {
    return this.#isUp;
  }

  set isUp(value: boolean) {
    this.#isUp = value;
  }

  /**
   * Learns which client this is, and whether it is closed. Only right before a handshake's own commands: these
   * carry the unsendable one to the encoder, so that none is ever left in a queue that `close()` waits for.
   */
  async identify(): Promise<{ readonly isClosed: boolean }> {
    const traced = this.#send({ username: "", password: UNSENDABLE });
    if (traced === undefined) return { isClosed: false };
    this.#clientId = traced.clientId;
    this.#label = traced.server;
    // A closed client refuses at once; an open one has the command waiting.
    const answer = await Promise.race([traced.outcome, aFewMicrotasks()]);
    return { isClosed: answer !== undefined && isClosedError(answer) };
  }

  async authenticate(token: Token): Promise<LoginResult> {
    if (this.#listener.deref() === undefined) return "gone";
    const attached = this.#clientId === undefined ? undefined : this.#attachedClient(this.#clientId);
    if (this.#clientId !== undefined && !this.#isUp) return "offline";
    if (attached !== undefined) return this.#judge(await attached.login(token), token);
    const traced = this.#send({ username: token.username, password: token.reveal() });
    return traced === undefined ? "unable" : this.#judge(await traced.outcome, token);
  }

  #send(credentials: { username: string; password: string }): TracedCommand | undefined {
    const listener = this.#listener.deref();
    return listener === undefined ? undefined : traceCommand(() => listener.onNext(credentials));
  }

  #judge(outcome: Outcome, token: Token): LoginResult {
    if ("result" in outcome) {
      const reply = String(outcome.result);
      if (reply === "OK") return "accepted";
      throw reply === "QUEUED"
        ? queuedError(this.#label)
        : refusedError(this.#label, token, "the reply was not OK");
    }
    if (isClosedError(outcome)) return "gone";
    const { error } = outcome;
    const text = error instanceof Error ? error.message : String(error);
    // A RESP2 subscriber that node-redis 5 does not recognise, because its options say `RESP: 2`.
    if (/can't execute 'auth'/i.test(text)) return "unable";
    if (isReply(text)) throw refusedError(this.#label, token, text);
    return "offline";
  }
}

/** node-redis's ClientClosedError; matched by its text, because it is another copy's class. */
function isClosedError(outcome: Outcome): boolean {
  return (
    "error" in outcome && outcome.error instanceof Error && /client is closed/i.test(outcome.error.message)
  );
}

/** Whether this is Redis speaking, and not the connection or the client's own queue. */
function isReply(text: string): boolean {
  return /^-?[A-Z]{3,}\b|invalid username|WRONGPASS|NOPERM|NOAUTH/.test(text);
}

/** Time for a rejection to arrive that was there when the promise was made. */
async function aFewMicrotasks(): Promise<undefined> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  return undefined;
}

/** Inside a hand-written MULTI, AUTH is not executed but queued, and EXEC gets one reply too many. */
function queuedError(label: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: `The login at ${label} fell into a hand-written MULTI: its EXEC has one reply too many.`,
    remedy: "Attach the client to this library, or use the client's own `multi()`.",
    rule: "login-in-transaction",
    details: { clientProblem: "loginInTransaction" },
    retryable: true,
  });
}
