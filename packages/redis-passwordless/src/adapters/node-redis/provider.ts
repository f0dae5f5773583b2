import { PasswordlessError } from "../../core/errors.js";
import type { Token } from "../../core/token.js";
import { refusedError } from "../../reauth/connection.js";
import { askAside, type Dial } from "../../reauth/probe.js";
import type { Reauthenticator } from "../../reauth/reauthenticator.js";
import { tokenWaitError, waitForToken } from "../../reauth/token-wait.js";
import type { TopologyCheck } from "../../topology/topology.js";
import { assertLocal } from "../plaintext.js";
import type { AttachedClient } from "./attached-client.js";
import type { BasicAuth, CredentialsListener, StreamingCredentialsProvider } from "./structural.js";
import { Subscription } from "./subscription.js";
import { type ConnectionState, watchConnections } from "./trace.js";

/** After a wait longer than this, in milliseconds, a client that was up before connects anew. */
const TRUSTED_WAIT_MS = 1_000;

/** How long a first login waits at most to hear what kind of server it is, in milliseconds. */
const TOPOLOGY_TIMEOUT_MS = 5_000;

export interface CredentialsProviderOptions {
  /** With `"thisMachine"`, connections that are not encrypted get no token for any other host. */
  readonly plaintextTo: "thisMachine" | "anywhere";
  /** Whether the servers are reached with TLS, where that is known. */
  readonly isEncrypted?: boolean;
  /** Checks with the first login that the server is of the kind that the client expects. */
  readonly topology?: { readonly check: TopologyCheck; readonly dial: Dial };
}

interface Enrolled {
  readonly subscription: Subscription;
  readonly token: Token;
  readonly enrollment: Disposable;
}

/**
 * The credentials provider that is put into a client's options: one for all the connections that are made from
 * these options, duplicates, pool members and cluster nodes included.
 */
export class CredentialsProvider implements StreamingCredentialsProvider {
  readonly type = "streaming-credentials-provider";
  readonly #reauthenticator: Reauthenticator;
  readonly #label: string;
  readonly #options: CredentialsProviderOptions;
  /** The newest subscription of each client, by node-redis's client id. */
  readonly #clients = new Map<string, Enrolled>();
  /** RESP2 subscribers that reconnect: node-redis passes nothing on to them, so their id stays unknown. */
  readonly #anonymous = new Set<Enrolled>();
  /** Held by the clients themselves; they may come back after they were closed. */
  readonly #attached = new Map<string, WeakRef<AttachedClient>>();
  readonly #ends = new FinalizationRegistry<string>((clientId) => this.#forget(clientId));
  /** What nobody disposes ends with its listener: node-redis forgets a lost connection's subscription. */
  readonly #listeners = new FinalizationRegistry<Enrolled>((enrolled) => this.#leave(enrolled));
  #watch: Disposable | undefined;
  #lastHandedOut: Token | undefined;
  #hasEverLoggedIn = false;
  #checking: Promise<void> | undefined;

  constructor(reauthenticator: Reauthenticator, label: string, options: CredentialsProviderOptions) {
    this.#reauthenticator = reauthenticator;
    this.#label = label;
    this.#options = options;
  }

  /** Live subscriptions: one for each client that is connected or connecting. */
  get size(): number {
    return this.#clients.size + this.#anonymous.size;
  }

  /** Whether any handshake with these options has succeeded so far. */
  get hasEverLoggedIn(): boolean {
    return this.#hasEverLoggedIn;
  }

  get reauthenticator(): Reauthenticator {
    return this.#reauthenticator;
  }

  /** Called by node-redis in every handshake, once the socket is up: waits for a valid token. */
  async subscribe(listener: CredentialsListener): Promise<[BasicAuth, { dispose(): void }]> {
    const awaited = this.#waitForToken();
    // It may fail while something else is waited for, and is heard of afterwards.
    awaited.catch(() => {});
    await this.#checkTopology(awaited);
    const token = await awaited;
    const subscription = new Subscription(listener, this.#label, (clientId) =>
      this.#attached.get(clientId)?.deref(),
    );
    const identified = subscription.identify();
    // Before anything is awaited: from here on the client's end is noticed.
    const enrolled = this.#enroll(subscription, token);
    this.#listeners.register(listener, enrolled, listener);
    try {
      // The client may have been closed while it waited; nobody would ever dispose its subscription.
      if ((await identified).isClosed) throw closedError(subscription.label);
      // Clusters and sentinels announce hosts that the options do not name.
      if (this.#options.plaintextTo === "thisMachine" && subscription.clientId !== undefined) {
        assertLocal(subscription.label);
      }
    } catch (error) {
      this.#leave(enrolled);
      throw error;
    }
    const dispose = (): void => {
      // That it is used here keeps the listener alive for as long as the client holds the disposable.
      this.#listeners.unregister(listener);
      this.#leave(enrolled);
    };
    return [{ username: token.username, password: token.reveal() }, { dispose }];
  }

  /**
   * Waits for a token, but not for long: the socket that waits may die, and node-redis 5 does not notice while it
   * waits for us, nor does node-redis 6 give up this handshake. Once a wait was long, a new socket is the safe way.
   */
  async #waitForToken(): Promise<Token> {
    const { clock } = this.#reauthenticator;
    const startMs = clock.now();
    const token = await waitForToken(this.#reauthenticator, this.#label);
    const waitedMs = clock.now() - startMs;
    if (this.#hasEverLoggedIn && waitedMs > TRUSTED_WAIT_MS) throw tokenWaitError(this.#label, waitedMs);
    return token;
  }

  /**
   * Asks the server what it is, on a connection of its own that is opened while the token is awaited: node-redis
   * shows its providers none of the replies.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_TOPOLOGY_MISMATCH`
   */
  async #checkTopology(awaited: Promise<Token>): Promise<void> {
    const { topology } = this.#options;
    const question = topology?.check.question;
    if (topology === undefined || question === undefined) return;
    this.#checking ??= this.#ask(topology.dial, question, awaited)
      .then((answer) => topology.check.examine(this.#label, answer))
      .finally(() => {
        this.#checking = undefined;
      });
    await this.#checking;
  }

  /** What prevents the answer prevents the client too, which says so; it is not this question's business. */
  async #ask(dial: Dial, question: readonly string[], awaited: Promise<Token>): Promise<string | undefined> {
    const late = new AbortController();
    const { clock } = this.#reauthenticator;
    // The time runs for the server: how long a token may take, its own rules say.
    const timer = awaited.then(
      () => clock.schedule(() => late.abort(new Error("no answer in time")), TOPOLOGY_TIMEOUT_MS),
      () => undefined,
    );
    try {
      return await askAside(dial, this.#label, awaited, question, late.signal);
    } catch {
      return undefined;
    } finally {
      (await timer)?.[Symbol.dispose]();
    }
  }

  /** Outcomes are taken from the commands themselves, where they come with their client. */
  onReAuthenticationError(): void {}

  /** The server refused a login during a handshake; `reply` is its text. */
  refused(reply: Error): void {
    const token = this.#lastHandedOut;
    if (token === undefined) return;
    const explained = refusedError(this.#label, token, reply.message, this.#options);
    // The application hears Redis's own words from its client; the remedy comes along.
    reply.cause ??= explained;
    this.#reauthenticator.refused(token, explained);
  }

  /** From now on, this client logs in through its attachment, which knows its transactions and blocked commands. */
  attach(clientId: string, client: AttachedClient): void {
    this.#attached.set(clientId, new WeakRef(client));
    this.#ends.register(client, clientId);
  }

  /** Until when a command of this client may block without holding up its next login, in epoch milliseconds. */
  blockUntilMs(clientId: string): number {
    const enrolled = this.#clients.get(clientId);
    return enrolled === undefined
      ? Number.POSITIVE_INFINITY
      : this.#reauthenticator.blockUntilMs(enrolled.subscription);
  }

  /** Logs this client in now if a newer token is there; resolves when that is settled. */
  async loginIfDue(clientId: string): Promise<void> {
    const enrolled = this.#clients.get(clientId);
    if (enrolled !== undefined) await this.#reauthenticator.loginIfDue(enrolled.subscription);
  }

  #enroll(subscription: Subscription, token: Token): Enrolled {
    this.#watch ??= watchConnections((clientId, state) => this.#onConnection(clientId, state));
    this.#lastHandedOut = token;
    const enrolled: Enrolled = {
      subscription,
      token,
      enrollment: this.#reauthenticator.enroll(subscription, token),
    };
    subscription.dropped = () => this.#leave(enrolled);
    const { clientId } = subscription;
    if (clientId === undefined) this.#anonymous.add(enrolled);
    else {
      this.#clients.get(clientId)?.enrollment[Symbol.dispose]();
      this.#clients.set(clientId, enrolled);
    }
    return enrolled;
  }

  #onConnection(clientId: string, state: ConnectionState): void {
    const enrolled = this.#clients.get(clientId);
    if (enrolled === undefined) return;
    enrolled.subscription.isUp = state === "up";
    if (state === "up") {
      this.#hasEverLoggedIn = true;
      this.#reauthenticator.accepted(enrolled.token);
    }
    // node-redis 5 does not dispose the subscription of a client that is idle when it is closed.
    if (state === "closed") this.#leave(enrolled);
  }

  #forget(clientId: string): void {
    if (this.#attached.get(clientId)?.deref() === undefined) this.#attached.delete(clientId);
  }

  #leave(enrolled: Enrolled): void {
    enrolled.enrollment[Symbol.dispose]();
    this.#anonymous.delete(enrolled);
    const { clientId } = enrolled.subscription;
    if (clientId !== undefined && this.#clients.get(clientId) === enrolled) this.#clients.delete(clientId);
    if (this.size > 0) return;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }
}

function closedError(label: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLOSED", {
    message: `The client of ${label} was closed while it waited for a token.`,
    remedy: "Nothing to mend if that was meant.",
  });
}
