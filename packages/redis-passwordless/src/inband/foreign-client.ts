import { parseCommand } from "resp-framing";
import type { Token } from "../core/token.js";
import { ConnectionSetup, SETUP_COMMANDS, setupOf } from "./connection-setup.js";
import { encodeAuth, isVerdict } from "./login.js";
import { withoutOwnLines } from "./monitor-view.js";
import type { OwnCommands } from "./own-commands.js";
import { type Plan, SEND } from "./plan.js";
import type { Transactions } from "./transactions.js";

/** Who decides what a client's own login means: the server never hears of it. */
export interface LoginDesk {
  /**
   * Looks at an AUTH, or at a HELLO, of the client's.
   *
   * @param args the command's, its name first
   */
  login(args: readonly Buffer[]): LoginAnswer;
  /** The client has logged out, by RESET. */
  logOut(): void;
  /** What a client that has not logged in gets for this command; `undefined` when it may go on. */
  refusal(name: string): Buffer | undefined;
  /** Whether every command has to be looked at. */
  readonly isLocked: boolean;
}

export type LoginAnswer =
  /** The client gets this. */
  | { readonly kind: "answer"; readonly reply: Buffer; readonly isAccepted: boolean }
  /** What is left of a HELLO without its login, for the server. */
  | { readonly kind: "hello"; readonly command: Buffer };

/** What the session does for it. */
export interface ForeignClientHost {
  readonly own: OwnCommands;
  readonly transactions: Transactions;
  /** Whether the next command belongs to the one before: nothing may come between the two. */
  readonly isPrefixed: boolean;
  /** Whether the client is subscribed in RESP2. */
  readonly isPlainSubscriber: boolean;
  /** The token that the connection has logged in with. */
  readonly token: Token | undefined;
  send(bytes: Buffer): void;
  /** Finds out what the connection speaks, behind a HELLO. */
  negotiate(): Promise<unknown>;
  /** The next command belongs to this one: nothing may come between the two. */
  expectCompanion(): void;
  /** From here on nothing is followed. */
  leaveAlone(): void;
  /** The connection is as new, but for its login. */
  wasReset(): void;
}

/** Commands about the connection itself, which a client of another process may send at any moment. */
export const CONNECTION_COMMANDS: readonly string[] = [
  "AUTH",
  "HELLO",
  "RESET",
  "QUIT",
  "CLIENT",
  "MONITOR",
  "SYNC",
  "PSYNC",
  ...SETUP_COMMANDS,
];

/**
 * A client that does not know of this session, and speaks whatever it likes: it logs in as if this were the server,
 * switches replies off, monitors, resets the connection.
 */
export class ForeignClient {
  readonly #desk: LoginDesk;
  readonly #host: ForeignClientHost;
  /** The server answers nothing (`CLIENT REPLY OFF`), our own commands neither. */
  isMute = false;
  /** What the client has set up on its connection. */
  readonly setup = new ConnectionSetup();
  /** A token that was sent while nothing was answered. */
  #unheard: Token | undefined;

  constructor(desk: LoginDesk, host: ForeignClientHost) {
    this.#desk = desk;
    this.#host = host;
  }

  get looksAtEach(): boolean {
    return this.#desk.isLocked;
  }

  /** What is done with a command of this kind; `undefined` for all others. */
  plan(name: string, command: Buffer): Plan | undefined {
    if (name === "AUTH" || name === "HELLO") return this.#planLogin(command);
    const refusal = this.#desk.refusal(name);
    if (refusal !== undefined) return this.#planAnswer(refusal);
    if (name === "RESET" && parseCommand(command).length === 1) {
      return { kind: "first", run: () => this.#reset(command) };
    }
    if (name === "CLIENT") {
      const plan = this.#planClient(parseCommand(command));
      if (plan !== undefined) return plan;
    }
    const setup = setupOf(name, command);
    if (setup === "lasting" || (setup !== undefined && (this.isMute || this.#host.transactions.isOpen))) {
      this.setup.last();
    }
    if (this.isMute) return undefined;
    if (name === "MONITOR" && !this.#host.transactions.isOpen) {
      this.setup.last();
      return { kind: "first", run: () => this.#monitor(command) };
    }
    if (name === "QUIT" || name === "SYNC" || name === "PSYNC") this.#host.leaveAlone();
    if (setup === undefined || !this.setup.isKnown) return undefined;
    const onReply = (frame: Buffer): Buffer => {
      if (frame[0] !== MINUS) this.setup.done(setup, command);
      return frame;
    };
    return { kind: "look", onReply };
  }

  /** Logs in where no answer can be heard; it is asked for again when replies are on. */
  loginUnheard(token: Token): void {
    this.#unheard = token;
    this.#host.send(encodeAuth(token));
  }

  #planLogin(command: Buffer): Plan | undefined {
    const args = parseCommand(command);
    const { transactions } = this.#host;
    const login = this.#desk.login(args);
    if (login.kind === "answer") {
      if (!transactions.isOpen) return this.#planAnswer(login.reply);
      // Within a transaction the server answers in its turn: it logs in as it is, or is told something it refuses.
      const token = this.#host.token;
      const instead = login.isAccepted && token !== undefined ? encodeAuth(token) : WRONG_AUTH;
      return { kind: "first", run: () => this.#substitute(instead) };
    }
    // It may name the connection.
    if (args.length > 2) this.setup.last();
    if (login.command.equals(command)) return undefined;
    return {
      kind: "first",
      run: async () => {
        this.#host.send(login.command);
        await this.#host.negotiate();
      },
    };
  }

  #substitute(command: Buffer): Promise<void> {
    this.#host.send(command);
    return Promise.resolve();
  }

  /** Where the server answers nothing, neither do we. */
  #planAnswer(reply: Buffer): Plan {
    return this.isMute ? { kind: "drop" } : { kind: "answer", reply: () => reply };
  }

  #planClient(args: readonly Buffer[]): Plan | undefined {
    const [, subcommand, mode] = args.map((arg) => arg.toString("latin1", 0, 16).toUpperCase());
    if (subcommand === "CACHING") {
      this.setup.last();
      this.#host.expectCompanion();
      return SEND;
    }
    if (subcommand !== "REPLY" || args.length !== 3) return undefined;
    // It would take effect somewhere within EXEC, whose reply Redis then breaks off: refused by Redis, in its turn.
    if (this.#host.transactions.isOpen) {
      return { kind: "first", run: () => this.#substitute(WRONG_CLIENT_REPLY) };
    }
    if (mode === "SKIP" && !this.isMute) this.#host.expectCompanion();
    if (mode === "OFF") this.isMute = true;
    this.setup.last();
    // A RESP2 subscriber may not send it.
    if (mode === "ON" && this.isMute && !this.#host.isPlainSubscriber) {
      this.isMute = false;
      return { kind: "then", run: () => this.#askAgain() };
    }
    return SEND;
  }

  #askAgain(): void {
    const token = this.#unheard;
    this.#unheard = undefined;
    if (token !== undefined) void this.#host.own.exchange(encodeAuth(token), { onReply: () => undefined });
  }

  /**
   * RESET logs out, too: the login comes right behind it. Azure Managed Redis has no RESET, and answers that.
   */
  async #reset(command: Buffer): Promise<void> {
    const { own, transactions } = this.#host;
    const token = this.#host.token;
    if (token === undefined) throw new TypeError("A client that may reset its connection needs a token.");
    const login = encodeAuth(token);
    const over = (): void => {
      this.isMute = false;
      this.#unheard = undefined;
      this.setup.clear();
      this.#host.wasReset();
      this.#desk.logOut();
    };
    if (this.#host.isPrefixed) {
      // Its reply is left out, where the command before it says so; a question of ours in between would be instead of it.
      this.#host.send(command);
      await own.exchange(login, { isAnywhere: true, onReply: () => undefined });
      return over();
    }
    const isOdd = transactions.isOpen || this.#host.isPlainSubscriber;
    if (this.isMute || (isOdd && !own.isPossibleAnywhere)) {
      // No question of ours would be answered before it.
      await own.followUp({ request: command, reply: RESET_REPLY }, login, () => RESET_REPLY);
      return over();
    }
    let isAnswered = false;
    let isReset = false;
    await own.exchange(Buffer.concat([command, login]), {
      isAnywhere: isOdd,
      onReply: (frame) => {
        // A client that monitors gets lines until its RESET is answered, and afterwards if it was refused.
        if (frame.equals(RESET_REPLY)) isReset = true;
        else if (!isVerdict(frame) && !frame.equals(QUEUED)) return frame;
        if (isAnswered) return undefined;
        isAnswered = true;
        return frame;
      },
      onEnd: () => {
        if (isReset) over();
      },
    });
  }

  async #monitor(command: Buffer): Promise<void> {
    const { own } = this.#host;
    const view = withoutOwnLines();
    await own.exchange(command, {
      onReply: (frame) => view(frame),
      onEnd: () => own.translate((frame) => view(frame) ?? NOTHING),
    });
  }
}

const MINUS = 45;
const QUEUED = Buffer.from("+QUEUED\r\n");
const RESET_REPLY = Buffer.from("+RESET\r\n");
const NOTHING: Buffer = Buffer.alloc(0);
/** Too few arguments: refused at once, in its turn, without a failing login. */
const WRONG_AUTH = Buffer.from("*1\r\n$4\r\nAUTH\r\n");
const WRONG_CLIENT_REPLY = Buffer.from("*2\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n");
