import { parseCommand } from "resp-framing";
import type { Clock } from "../core/clock.js";
import type { Token } from "../core/token.js";
import type { LoginAnswer, LoginDesk } from "../inband/foreign-client.js";
import { InbandSession, type LoginSchedule } from "../inband/session.js";
import { safetyMarginMs } from "../reauth/spread.js";
import { ClientLink } from "./client-link.js";
import type { ClusterReplies } from "./cluster/cluster-replies.js";
import type { ClusterView } from "./cluster/cluster-view.js";
import type { ReplyOrigin } from "./cluster/rewriting.js";
import type { Farewells } from "./io/farewells.js";
import type { Client } from "./io/shared-reads.js";
import type { InstanceCounters } from "./status.js";
import type { Upstream, UpstreamConnection } from "./upstream.js";

/** What happens to a connection while a client uses it. */
export interface ServerConnectionUser {
  /** The server has ended its side: what it has sent before has been written. */
  onServerEnd(): void;
  /** The connection is gone. `wasQuiet`: with everything answered, and nothing on it that could not be repeated. */
  onServerClosed(wasQuiet: boolean): void;
  /** It cannot be kept authenticated any longer, and the server is about to cut it. */
  onExpiring(token: Token): void;
}

/** The cluster that a server may belong to, and how the server is reached. */
export interface ClusterMember {
  readonly view: ClusterView;
  readonly origin: ReplyOrigin;
}

/** What all connections to a server have in common. */
export interface ServerSurroundings {
  readonly upstream: Upstream;
  readonly counters: InstanceCounters;
  readonly farewells: Farewells;
  /** The cluster that clients get to see. @default what the server sends is not looked at */
  readonly member?: ClusterMember | undefined;
}

/** A connection to the server through its whole life: used by one client, and when it is clean again by the next. */
export class ServerConnection {
  readonly #socket: UpstreamConnection["socket"];
  readonly #link: ClientLink;
  readonly #session: InbandSession;
  readonly #desk = new CurrentDesk();
  readonly #member: ClusterMember | undefined;
  #replies: ClusterReplies | undefined;
  readonly #schedule: LoginSchedule;
  readonly #clock: Clock;
  /** Comes shortly before the server cuts the connection; a login puts it off. */
  #end: Disposable | undefined;
  #user: ServerConnectionUser | undefined;
  /** Whether everything that the client has sent is known to be answered. */
  #isQuiet = false;
  /** Commands that earlier clients have sent. */
  #earlierCommands = 0;
  #isAsking = false;
  /** Whether it was quiet when the server ended it. */
  #wasQuiet = false;
  /** Called once, when the connection is gone. */
  onClosed: (() => void) | undefined;

  constructor(connection: UpstreamConnection, around: ServerSurroundings) {
    const { socket, token, markers } = connection;
    const { upstream, counters, farewells, member } = around;
    this.#socket = socket;
    this.#member = member;
    this.#link = new ClientLink(connection, counters, farewells);
    this.#session = new InbandSession(this.#link, {
      label: upstream.label,
      markers,
      token,
      desk: this.#desk,
      lookAtCluster: member && ((command) => this.#replies?.lookAt(parseCommand(command))),
      schedule: upstream.reauthenticator,
      onLogin: (next) => this.#loggedIn(next),
    });
    this.#schedule = upstream.reauthenticator;
    this.#clock = upstream.reauthenticator.clock;
    upstream.keep(this.#session, token);
    this.#loggedIn(token);
    socket.on("error", () => {});
    socket.on("end", () => {
      this.#wasQuiet = this.isIdle;
      if (this.#user === undefined || this.#wasQuiet) this.#endUnnoticed();
      else this.#user.onServerEnd();
    });
    socket.once("close", () => this.#closed());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable && this.#socket.readable;
  }

  /** Whether it could be replaced without its client's noticing. */
  get isIdle(): boolean {
    return this.#user !== undefined && this.#isQuiet && !this.#link.hasTalked && this.#session.isReusable;
  }

  /** What sets up another connection as the client has set up this one. */
  get setup(): readonly Buffer[] {
    return this.#session.setup;
  }

  /** Sets this connection up as another one was; resolves with whether that could be done. */
  repeat(setup: readonly Buffer[]): Promise<boolean> {
    return this.#session.repeat(setup);
  }

  bind(client: Client, desk: LoginDesk, user: ServerConnectionUser, early: Buffer): void {
    this.#user = user;
    this.#isQuiet = true;
    this.#link.hasTalked = false;
    this.#earlierCommands = this.#session.commands;
    this.#desk.current = desk;
    this.#replies = this.#member?.view.repliesFor(this.#link, this.#member.origin);
    this.#link.passThrough(this.#replies);
    // A login that is due goes ahead of the client: behind a transaction or a command that blocks it may come too late.
    void this.#schedule.loginIfDue(this.#session);
    if (early.length > 0) this.#link.replay(early);
    this.#link.bind(client);
  }

  /** Whether everything that the client has sent is answered, as far as that can be told without asking. */
  get isAnswered(): boolean {
    if (this.#isQuiet && !this.#link.hasTalked) return true;
    const answered = this.#replies?.answered;
    return this.#session.isReusable && answered === this.#session.commands - this.#earlierCommands;
  }

  /** Takes the client off; returns whether the connection is as new, at once where nobody has to be asked. */
  release(): boolean | Promise<boolean> {
    const { isAnswered } = this;
    this.#user = undefined;
    this.#link.unbind();
    this.#desk.current = undefined;
    return this.isOpen && this.#session.recycle(isAnswered);
  }

  /** Resolves with `true` when everything is answered, with `false` when that cannot be asked. */
  async settle(): Promise<boolean> {
    if (!this.#session.isReusable) return false;
    this.#link.hasTalked = false;
    const isSettled = await this.#session.settle();
    this.#isQuiet = isSettled && !this.#link.hasTalked;
    return isSettled;
  }

  /** The client will send nothing more. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Called once in a while: a client that has been silent since the last time is asked whether everything of it has been
   * answered, once for each silence.
   */
  watchSilence(): void {
    if (this.#link.hasTalked) {
      this.#link.hasTalked = false;
      this.#isQuiet = false;
      return;
    }
    if (this.#isQuiet || this.#isAsking || this.#user === undefined || !this.#session.isReusable) return;
    this.#isAsking = true;
    void this.#session.settle().then((isSettled) => {
      this.#isAsking = false;
      this.#isQuiet = isSettled && !this.#link.hasTalked;
    });
  }

  #loggedIn(token: Token): void {
    this.#end?.[Symbol.dispose]();
    // The re-authentication has used up its own margin by then.
    const atMs = token.expiresAtMs - safetyMarginMs(token) / 3;
    this.#end = this.#clock.schedule(() => this.#expire(token), Math.max(0, atMs - this.#clock.now()));
  }

  #expire(token: Token): void {
    // A timer is shorter than some tokens live.
    if (this.#clock.now() < token.expiresAtMs - safetyMarginMs(token)) return this.#loggedIn(token);
    this.#wasQuiet = this.isIdle;
    if (this.#user === undefined || this.#wasQuiet) this.#endUnnoticed();
    else this.#user.onExpiring(token);
  }

  /** Until the connection is gone its client is not read: what comes now is for the next one. */
  #endUnnoticed(): void {
    this.#link.unbindUnread();
    this.#socket.destroy();
  }

  #closed(): void {
    this.#end?.[Symbol.dispose]();
    this.#link.flushReplies();
    this.#wasQuiet ||= this.isIdle;
    this.#session.close();
    this.#user?.onServerClosed(this.#wasQuiet);
    this.onClosed?.();
  }
}

/** The desk of whoever uses the connection now. */
class CurrentDesk implements LoginDesk {
  current: LoginDesk | undefined;

  get isLocked(): boolean {
    return this.current?.isLocked === true;
  }

  login(args: readonly Buffer[]): LoginAnswer {
    if (this.current === undefined) throw new TypeError("Nobody uses this connection.");
    return this.current.login(args);
  }

  logOut(): void {
    this.current?.logOut();
  }

  refusal(name: string): Buffer | undefined {
    return this.current?.refusal(name);
  }
}
