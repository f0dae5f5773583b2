import { encodeCommand } from "resp-framing";

/** A login as it came from the client: who, with what, and how to write the command with another password. */
export interface LoginCommand {
  readonly command: "AUTH" | "HELLO";
  /** The user name sent; `undefined` for `AUTH password`, which means the default user. */
  readonly username: string | undefined;
  readonly token: string;
  /** Whether the server gets past its syntax; if not, it answers that whatever the password is. */
  readonly isWellFormed: boolean;
  /** The same command as an array, every other argument unchanged. */
  rewrite(username: string | undefined, password: string): Buffer;
}

/**
 * Recognises `AUTH token`, `AUTH user token` and `HELLO version … AUTH user token …`. Everything else, wrong
 * numbers of arguments included, is `undefined`: it logs nobody in, and the server itself answers it.
 */
export function parseLogin(args: readonly Buffer[]): LoginCommand | undefined {
  const name = args[0]?.toString("latin1").toUpperCase();
  if (name === "AUTH") return parseAuth(args);
  return name === "HELLO" ? parseHello(args) : undefined;
}

function parseAuth(args: readonly Buffer[]): LoginCommand | undefined {
  const [name, first, second] = args;
  if (name === undefined || first === undefined || args.length > 3) return undefined;
  return {
    command: "AUTH",
    username: second === undefined ? undefined : first.toString(),
    token: (second ?? first).toString(),
    isWellFormed: true,
    rewrite: (username, password) =>
      encodeCommand(username === undefined ? [name, password] : [name, username, password]),
  };
}

/** Walks the options as Redis does (networking.c, helloCommand): it stops at the first that it does not know. */
function parseHello(args: readonly Buffer[]): LoginCommand | undefined {
  const logins: number[] = [];
  let at = 2;
  while (at < args.length) {
    const option = args[at]!.toString("latin1").toUpperCase();
    if (option === "AUTH" && at + 2 < args.length) {
      logins.push(at);
      at += 3;
    } else if (option === "SETNAME" && at + 1 < args.length) {
      at += 2;
    } else {
      break;
    }
  }
  const last = logins.at(-1);
  if (last === undefined) return undefined;
  return {
    command: "HELLO",
    username: args[last + 1]!.toString(),
    token: args[last + 2]!.toString(),
    isWellFormed: at === args.length,
    // Of two logins Redis up to 7.0 takes both, one after the other, and later versions the last: all become
    // the last.
    rewrite: (username, password) => {
      const rewritten: (string | Buffer)[] = [...args];
      for (const login of logins) {
        if (username !== undefined) rewritten[login + 1] = username;
        rewritten[login + 2] = password;
      }
      return encodeCommand(rewritten);
    },
  };
}
