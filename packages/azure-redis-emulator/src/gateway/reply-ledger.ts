import { ReplyScanner } from "resp-framing";
import { Queue } from "./queue.js";

/** A login that was passed on with a password that the server accepts, and whose reply is awaited. */
export interface PendingLogin {
  readonly command: "AUTH" | "HELLO";
  /** The server said yes, now or at the end of its transaction. */
  confirmed(): void;
  /** It did not take effect. `reason` is the server's error, or says why the answer cannot be told. */
  failed(reason: string): void;
}

/** What the server owes for commands that were passed on. A `plain` entry stands for a run of them. */
type Expected =
  | { readonly kind: "plain"; count: number }
  | { readonly kind: "login"; readonly login: PendingLogin }
  | { readonly kind: "refused"; readonly command: "AUTH" | "HELLO" }
  /** `undefined` when an UNSUBSCRIBE without arguments leaves their number open. */
  | { readonly kind: "confirmations"; readonly verb: string; left: number | undefined; isFirst: boolean }
  | { readonly kind: "transactionEnd" | "hello" | "reset" };

const MESSAGES = new Set(["message", "pmessage", "smessage"]);

/**
 * Tells which reply answers which login, by counting: one reply for each command, with the exceptions of
 * Pub/Sub, transactions, pushes, and of Redis 7.2 and later, where the error reply to a failing AUTH is lost
 * when replies are pending (https://github.com/redis/redis/issues/15640).
 *
 * Where counting is impossible it gives up for the life of the connection ({@link isLost}): then no login counts
 * as confirmed any more, so none can extend the connection's life wrongly. That is so after MONITOR, CLIENT
 * REPLY, SYNC, PSYNC and REPLCONF; after subscribing, switching protocol, or failing a login inside MULTI, where
 * the server itself breaks its framing; and whenever a reply does not fit what is expected.
 */
export class ReplyLedger {
  readonly #scanner = new ReplyScanner();
  readonly #expected = new Queue<Expected>();
  /** Logins that the server queued in the open transaction. */
  #queued: PendingLogin[] = [];
  #hasQueuedHello = false;
  /** RESP2 and RESP3 tell messages from replies in different ways. */
  #isResp3 = false;
  #channels = 0;
  #shardChannels = 0;
  #isLost = false;

  /** Whether the connection's replies can no longer be told apart. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Counts commands that get exactly one reply each. */
  plain(count: number): void {
    if (this.#isLost || count === 0) return;
    const last = this.#expected.last;
    if (last?.kind === "plain") last.count += count;
    else this.#expected.push({ kind: "plain", count });
  }

  login(login: PendingLogin): void {
    if (this.#isLost) login.failed(LOST);
    else this.#expected.push({ kind: "login", login });
  }

  /** A login that the server will refuse, if it says anything. */
  refused(command: "AUTH" | "HELLO"): void {
    this.#expect({ kind: "refused", command });
  }

  /** A command by its name in capitals and its arguments, when it is one of the exceptions. */
  special(name: string, args: readonly Buffer[]): void {
    switch (name) {
      case "SUBSCRIBE":
      case "PSUBSCRIBE":
      case "SSUBSCRIBE":
      case "UNSUBSCRIBE":
      case "PUNSUBSCRIBE":
      case "SUNSUBSCRIBE": {
        const isOpen = args.length === 1 && name.includes("UNSUBSCRIBE");
        const left = isOpen ? undefined : Math.max(args.length - 1, 1);
        this.#expect({ kind: "confirmations", verb: name.toLowerCase(), left, isFirst: true });
        return;
      }
      case "EXEC":
      case "DISCARD":
        this.#expect({ kind: "transactionEnd" });
        return;
      case "HELLO":
        this.#expect({ kind: "hello" });
        return;
      case "RESET":
        this.#expect({ kind: "reset" });
        return;
      case "CLIENT":
        if (args[1]?.toString("latin1").toUpperCase() === "REPLY") this.lose();
        else this.plain(1);
        return;
      case "MONITOR":
      case "SYNC":
      case "PSYNC":
      case "REPLCONF":
        this.lose();
        return;
      default:
        this.plain(1);
    }
  }

  /** Reads what the server sent. */
  receive(chunk: Buffer): void {
    try {
      let offset = 0;
      while (offset < chunk.length && !this.#isLost) {
        const { head } = this.#expected;
        if (head?.kind === "plain" && !this.#mayGetMessages) {
          const before = this.#scanner.replies;
          offset = this.#scanner.scan(chunk, offset, head.count);
          head.count -= this.#scanner.replies - before;
          if (head.count === 0) this.#expected.shift();
        } else {
          offset = this.#scanner.scanFrame(chunk, offset);
          if (this.#scanner.atBoundary) this.#settle(this.#scanner.preview.toString("latin1"));
        }
      }
    } catch {
      // What cannot be framed cannot be counted. The bytes go to the client all the same.
      this.lose();
    }
  }

  /** Gives up counting: every login still open fails. */
  lose(reason: string = LOST): void {
    this.#isLost = true;
    const logins = this.#expected.clear().flatMap((entry) => (entry.kind === "login" ? [entry.login] : []));
    const open = [...this.#queued, ...logins];
    this.#queued = [];
    for (const login of open) login.failed(reason);
  }

  /** In RESP2 a subscriber's messages are arrays, like replies. */
  get #mayGetMessages(): boolean {
    return !this.#isResp3 && this.#channels + this.#shardChannels > 0;
  }

  #expect(entry: Expected): void {
    if (!this.#isLost) this.#expected.push(entry);
  }

  /** Takes the frame that has just ended, of which `text` is the beginning, off what is expected. */
  #settle(text: string): void {
    const { isPush } = this.#scanner;
    const kind = isPush || text.startsWith("*") ? firstElement(text) : "";
    if (this.#mayGetMessages && MESSAGES.has(kind)) return;
    let { head } = this.#expected;
    if (head?.kind === "confirmations") {
      if (kind === head.verb) {
        this.#countConfirmation(head);
        return;
      }
      if (!isPush && head.left === undefined && !head.isFirst) {
        this.#expected.shift();
        head = this.#expected.head;
      }
    }
    if (isPush) return;
    if (head?.kind === "refused" && !isRefusal(text, head.command)) {
      // The server dropped its answer: this frame belongs to the next command.
      this.#expected.shift();
      this.#settle(text);
      return;
    }
    this.#settleReply(head, text);
  }

  #settleReply(head: Expected | undefined, text: string): void {
    if (head === undefined) {
      this.lose();
      return;
    }
    if (head.kind === "plain") {
      head.count--;
      if (head.count === 0) this.#expected.shift();
      return;
    }
    this.#expected.shift();
    const isError = text.startsWith("-");
    const isQueued = text.startsWith("+QUEUED\r");
    switch (head.kind) {
      case "login":
        this.#settleLogin(head.login, text);
        return;
      case "refused":
      case "confirmations":
        // Inside MULTI the server breaks its own framing at EXEC.
        if (isQueued || (head.kind === "confirmations" && !isError)) this.lose();
        return;
      case "transactionEnd":
        this.#endTransaction(text);
        return;
      case "hello":
        if (isQueued) this.#hasQueuedHello = true;
        else if (!isError) this.#isResp3 = text.startsWith("%");
        return;
      case "reset":
        if (isError) return;
        this.#isResp3 = false;
        this.#channels = 0;
        this.#shardChannels = 0;
        this.#dropQueued("RESET discarded its transaction");
        return;
    }
  }

  #settleLogin(login: PendingLogin, text: string): void {
    if (text.startsWith("+QUEUED\r")) {
      this.#queued.push(login);
      if (login.command === "HELLO") this.#hasQueuedHello = true;
    } else if (text.startsWith("-")) {
      login.failed(text.slice(1).split("\r", 1)[0]!);
    } else if (login.command === "AUTH" ? text.startsWith("+OK\r") : /^[%*]/.test(text)) {
      if (login.command === "HELLO") this.#isResp3 = text.startsWith("%");
      login.confirmed();
    } else {
      login.failed(LOST);
      this.lose();
    }
  }

  /** EXEC answers with an array when it ran, and with null or an error when it did not. */
  #endTransaction(text: string): void {
    if (/^\*\d/.test(text)) {
      const queued = this.#queued;
      this.#queued = [];
      for (const login of queued) login.confirmed();
      if (this.#hasQueuedHello) this.lose();
    } else {
      this.#dropQueued("its transaction was not executed");
    }
    this.#hasQueuedHello = false;
  }

  #dropQueued(reason: string): void {
    const queued = this.#queued;
    this.#queued = [];
    for (const login of queued) login.failed(reason);
  }

  #countConfirmation(head: Expected & { kind: "confirmations" }): void {
    // It ends with the number of subscriptions that are left.
    if (head.verb.startsWith("s") && head.verb !== "subscribe")
      this.#shardChannels = this.#scanner.lastInteger;
    else this.#channels = this.#scanner.lastInteger;
    head.isFirst = false;
    if (head.left === undefined) return;
    head.left--;
    if (head.left === 0) this.#expected.shift();
  }
}

const LOST = "the server's answer cannot be told from its other replies";

/** The text of an array's or push's first element, when it is a bulk string: `*3\r\n$7\r\nmessage\r\n…`. */
function firstElement(text: string): string {
  return /^[*>]\d+\r\n\$\d+\r\n([a-z]+)\r\n/.exec(text)?.[1] ?? "";
}

/** Whether an error can be the answer to a login with a wrong password. */
function isRefusal(text: string, command: "AUTH" | "HELLO"): boolean {
  if (text.startsWith("-WRONGPASS ") || text.startsWith("+QUEUED\r")) return true;
  if (text.startsWith(`-ERR Can't execute '${command.toLowerCase()}'`)) return true;
  return command === "HELLO" && text.startsWith("-NOPROTO ");
}
