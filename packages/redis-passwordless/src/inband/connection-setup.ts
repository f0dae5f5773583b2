import { encodeCommand, parseCommand } from "resp-framing";

/**
 * What a client has set up on its connection, so that it can be taken back for the next client, or done again on another
 * connection.
 */
export class ConnectionSetup {
  /** By what they set: the last one counts. */
  #commands: Map<string, Buffer> | undefined;
  #isLasting = false;

  /** Something that can neither be taken back nor repeated. */
  last(): void {
    this.#isLasting = true;
  }

  /** Whether all of it can be taken back and repeated. */
  get isKnown(): boolean {
    return !this.#isLasting;
  }

  /** What sets up the same on a new connection. */
  get commands(): readonly Buffer[] {
    return [...(this.#commands?.values() ?? [])];
  }

  /** What brings the connection back to how it was. */
  get undoing(): readonly Buffer[] {
    return [...(this.#commands?.keys() ?? [])].flatMap(
      (key) => UNDO[key]?.map((args) => encodeCommand(args)) ?? [],
    );
  }

  done(key: string, command: Buffer): void {
    // `UNWATCH` and a transaction's end would have to be seen as well.
    if (key === "WATCH") this.#isLasting = true;
    else this.#set(key, Buffer.from(command));
  }

  /** What was done on another connection is done on this one. */
  repeat(command: Buffer): void {
    const [name = ""] = parseCommand(command).map((arg) => arg.toString("latin1", 0, 16).toUpperCase());
    const key = setupOf(name, command);
    if (key !== undefined && key !== "lasting") this.#set(key, command);
  }

  clear(): void {
    this.#commands = undefined;
    this.#isLasting = false;
  }

  #set(key: string, command: Buffer): void {
    // Most clients set up nothing, and there are many of them.
    this.#commands ??= new Map();
    this.#commands.set(key, command);
  }
}

/** What a command sets up, as a name for it; `undefined` when it sets up nothing; `lasting` when nobody can undo it. */
export function setupOf(name: string, command: Buffer): string | undefined {
  if (name === "SELECT") return "SELECT";
  if (LASTING.has(name)) return "lasting";
  if (name !== "CLIENT") return undefined;
  const [, subcommand = "", option = ""] = parseCommand(command)
    .slice(0, 3)
    .map((arg) => arg.toString("latin1", 0, 16).toUpperCase());
  const key = subcommand === "SETINFO" ? `CLIENT SETINFO ${option}` : `CLIENT ${subcommand}`;
  if (Object.hasOwn(UNDO, key)) return key;
  return READING.has(subcommand) ? undefined : "lasting";
}

/** Commands whose effect on the connection lasts, besides those that the session follows. */
export const SETUP_COMMANDS: readonly string[] = [
  "SELECT",
  "WATCH",
  "READONLY",
  "READWRITE",
  "REPLCONF",
  "SCRIPT",
];

const LASTING: ReadonlySet<string> = new Set(["WATCH", "READONLY", "READWRITE", "REPLCONF", "SCRIPT"]);
/** Subcommands of CLIENT that change nothing on the own connection. */
const READING: ReadonlySet<string> = new Set([
  "ID",
  "INFO",
  "LIST",
  "GETNAME",
  "GETREDIR",
  "KILL",
  "PAUSE",
  "UNPAUSE",
  "UNBLOCK",
  "TRACKINGINFO",
  "HELP",
]);
const UNDO: Readonly<Record<string, readonly (readonly string[])[]>> = {
  SELECT: [["SELECT", "0"]],
  "CLIENT SETNAME": [["CLIENT", "SETNAME", ""]],
  "CLIENT SETINFO LIB-NAME": [["CLIENT", "SETINFO", "LIB-NAME", ""]],
  "CLIENT SETINFO LIB-VER": [["CLIENT", "SETINFO", "LIB-VER", ""]],
  "CLIENT NO-EVICT": [["CLIENT", "NO-EVICT", "OFF"]],
  "CLIENT NO-TOUCH": [["CLIENT", "NO-TOUCH", "OFF"]],
};
