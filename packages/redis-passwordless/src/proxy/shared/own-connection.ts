import type { LoginDesk } from "../../inband/foreign-client.js";

/** What becomes of a command that is about the client's connection to the proxy. */
export type OwnAnswer =
  /** The client gets this. */
  | { readonly kind: "answer"; readonly reply: Buffer; readonly ends?: true }
  /** From here on it speaks this protocol; the server's own HELLO, which changes nothing, answers. */
  | { readonly kind: "hello"; readonly protocol: 2 | 3 | undefined; readonly command: readonly string[] };

/**
 * A client's connection to the proxy: who it says that it is, which protocol it speaks, what it calls itself. The
 * texts are Redis's own (networking.c), because clients look at them.
 */
export class OwnConnection {
  protocol: 2 | 3 = 2;
  #name: Buffer = EMPTY;
  readonly #desk: LoginDesk;

  constructor(desk: LoginDesk) {
    this.#desk = desk;
  }

  /** What a client gets for this command that has not logged in. */
  refusal(name: string): Buffer | undefined {
    return this.#desk.isLocked ? this.#desk.refusal(name) : undefined;
  }

  /** Answers AUTH, HELLO, QUIT, RESET, and CLIENT SETNAME, GETNAME, SETINFO, MAINT_NOTIFICATIONS. */
  answer(args: readonly Buffer[]): OwnAnswer {
    const name = word(args, 0);
    if (name === "QUIT") return { kind: "answer", reply: OK, ends: true };
    if (name === "RESET") return this.#reset();
    if (name === "AUTH") {
      const answer = this.#desk.login(args);
      return { kind: "answer", reply: answer.kind === "answer" ? answer.reply : OK };
    }
    return name === "HELLO" ? this.#hello(args) : this.#client(args);
  }

  #reset(): OwnAnswer {
    this.protocol = 2;
    this.#name = EMPTY;
    this.#desk.logOut();
    return { kind: "answer", reply: Buffer.from("+RESET\r\n") };
  }

  #hello(args: readonly Buffer[]): OwnAnswer {
    const version = args.length > 1 ? String(args[1]) : undefined;
    if (version !== undefined && !/^-?\d+$/.test(version)) {
      return error("Protocol version is not an integer or out of range");
    }
    if (version !== undefined && version !== "2" && version !== "3") {
      return { kind: "answer", reply: Buffer.from("-NOPROTO unsupported protocol version\r\n") };
    }
    const answer = this.#desk.login(args);
    if (answer.kind === "answer") return answer;
    const name = optionOf(args, "SETNAME");
    if (name !== undefined) {
      if (!isName(name)) return error(WRONG_NAME);
      this.#name = Buffer.from(name);
    }
    const protocol = version === undefined ? undefined : version === "3" ? 3 : 2;
    this.protocol = protocol ?? this.protocol;
    return { kind: "hello", protocol, command: ["HELLO"] };
  }

  #client(args: readonly Buffer[]): OwnAnswer {
    const subcommand = word(args, 1);
    // The server would announce maintenance on a connection that is not the client's; clients go on without.
    if (subcommand === "MAINT_NOTIFICATIONS") {
      return error("unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.");
    }
    const needed = { SETNAME: 3, GETNAME: 2, SETINFO: 4 }[subcommand];
    if (args.length !== needed) {
      return error(`wrong number of arguments for 'client|${subcommand.toLowerCase()}' command`);
    }
    if (subcommand === "GETNAME") {
      const name = this.#name;
      if (name.length === 0) return { kind: "answer", reply: this.protocol === 3 ? NULL3 : NULL2 };
      return { kind: "answer", reply: Buffer.concat([Buffer.from(`$${name.length}\r\n`), name, CRLF]) };
    }
    const value = args[needed - 1]!;
    if (subcommand === "SETINFO") return setInfo(word(args, 2), value);
    if (!isName(value)) return error(WRONG_NAME);
    this.#name = Buffer.from(value);
    return { kind: "answer", reply: OK };
  }
}

/** The value is of use to the server's administrator only, who sees the proxy's connections. */
function setInfo(attribute: string, value: Buffer): OwnAnswer {
  if (attribute !== "LIB-NAME" && attribute !== "LIB-VER") {
    return error(`Unrecognized option '${attribute.toLowerCase()}'`);
  }
  if (isName(value)) return { kind: "answer", reply: OK };
  return error(`${attribute.toLowerCase()} cannot contain spaces, newlines or special characters.`);
}

/** An option of HELLO with one argument, behind the version and an AUTH with two. */
function optionOf(args: readonly Buffer[], wanted: string): Buffer | undefined {
  for (let at = 2; at < args.length; at += 1) {
    const option = word(args, at);
    if (option === wanted) return args[at + 1];
    at += option === "AUTH" ? 2 : 1;
  }
  return undefined;
}

function isName(name: Buffer): boolean {
  return name.every((byte) => byte >= 33 && byte <= 126);
}

function error(text: string): OwnAnswer {
  return { kind: "answer", reply: Buffer.from(`-ERR ${text}\r\n`) };
}

function word(args: readonly Buffer[], at: number): string {
  return (args[at]?.toString("latin1", 0, 64) ?? "").toUpperCase();
}

const EMPTY: Buffer = Buffer.alloc(0);
const OK = Buffer.from("+OK\r\n");
const CRLF = Buffer.from("\r\n");
const NULL2 = Buffer.from("$-1\r\n");
const NULL3 = Buffer.from("_\r\n");
const WRONG_NAME = "Client names cannot contain spaces, newlines or special characters.";
