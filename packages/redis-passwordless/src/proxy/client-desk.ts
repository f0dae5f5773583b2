import { createHash, timingSafeEqual } from "node:crypto";
import { encodeCommand } from "resp-framing";
import type { LoginAnswer, LoginDesk } from "../inband/foreign-client.js";

/**
 * Answers the logins of one client: with a password that it has to know, or with any. The server hears of neither.
 *
 * The texts are Redis's own (acl.c, networking.c), because clients look at them.
 */
export class ClientDesk implements LoginDesk {
  readonly #password: Buffer | undefined;
  #isLoggedIn: boolean;

  /** @param password what clients have to log in with; `undefined` lets everybody in */
  constructor(password: string | undefined) {
    this.#password = password === undefined ? undefined : digest(password);
    this.#isLoggedIn = password === undefined;
  }

  get isLocked(): boolean {
    return !this.#isLoggedIn;
  }

  login(args: readonly Buffer[]): LoginAnswer {
    const isHello = String(args[0]).toUpperCase() === "HELLO";
    return isHello ? this.#hello(args) : this.#auth(args);
  }

  logOut(): void {
    this.#isLoggedIn = this.#password === undefined;
  }

  refusal(name: string): Buffer | undefined {
    return this.#isLoggedIn || FREE.has(name) ? undefined : NOAUTH;
  }

  #auth(args: readonly Buffer[]): LoginAnswer {
    if (args.length < 2) return refused(arityError("auth"));
    if (args.length > 3) return refused(SYNTAX_ERROR);
    return this.#check(args.at(-1)!) ? { kind: "answer", reply: OK, isAccepted: true } : refused(WRONGPASS);
  }

  /** `HELLO [protover [AUTH user password] [SETNAME name]]`: without the AUTH it is the server's. */
  #hello(args: readonly Buffer[]): LoginAnswer {
    const kept = args.slice(0, 2);
    let password: Buffer | undefined;
    for (let index = 2; index < args.length; index++) {
      const option = String(args[index]).toUpperCase();
      if (option === "AUTH" && index + 2 < args.length) {
        password = args[index + 2];
        index += 2;
      } else if (option === "SETNAME" && index + 1 < args.length) {
        kept.push(args[index]!, args[index + 1]!);
        index += 1;
      } else return refused(`-ERR Syntax error in HELLO option '${printable(args[index]!)}'\r\n`);
    }
    if (password !== undefined && !this.#check(password)) return refused(WRONGPASS);
    if (!this.#isLoggedIn) return refused(NOAUTH_HELLO);
    return { kind: "hello", command: encodeCommand(kept) };
  }

  #check(password: Buffer): boolean {
    // Of equal length whatever was given, so that the time it takes says nothing.
    const isRight = this.#password === undefined || timingSafeEqual(digest(password), this.#password);
    this.#isLoggedIn ||= isRight;
    return isRight;
  }
}

/** What Redis lets anybody do (server.c, CMD_NO_AUTH). */
const FREE: ReadonlySet<string> = new Set(["AUTH", "HELLO", "QUIT", "RESET"]);
const OK = Buffer.from("+OK\r\n");
const NOAUTH = Buffer.from("-NOAUTH Authentication required.\r\n");
const NOAUTH_HELLO =
  "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n";
const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const SYNTAX_ERROR = "-ERR syntax error\r\n";

function refused(error: string): LoginAnswer {
  return { kind: "answer", reply: Buffer.from(error), isAccepted: false };
}

function arityError(command: string): string {
  return `-ERR wrong number of arguments for '${command}' command\r\n`;
}

function printable(text: Buffer): string {
  return text.toString("latin1", 0, 128).replaceAll(/[^\x20-\x7e]/g, "?");
}

function digest(text: string | Buffer): Buffer {
  return createHash("sha256").update(text).digest();
}
