/** A flag as help, documentation and parser know it. */
export interface Flag {
  /** What the value is called in help, such as `FILE`; a flag without one is a switch. */
  readonly value?: string;
  /** What it does, for help. */
  readonly text: string;
  /** What holds without it, for help. */
  readonly default?: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** What a command is: data for parser and help; its code is loaded when it runs. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The flag whose value may stand without the flag's name. */
  readonly argument?: string;
  /** Whether there may be several such arguments; the flag has them behind spaces. */
  readonly takesSeveral?: true;
  readonly flags: Flags;
  /** Of each of these lists, only one flag can be meant. */
  readonly exclusive: readonly (readonly string[])[];
  /** Commands to copy, with what they are for. */
  readonly examples: readonly { readonly why: string; readonly lines: readonly string[] }[];
}

/** `--client-id` is `REDIS_PASSWORDLESS_CLIENT_ID`. */
export function variableOf(flag: string): string {
  return `REDIS_PASSWORDLESS_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** Flags of every command. They have no variable: who wants help asks for it. */
export const COMMON_SWITCHES = ["help", "version"] as const;
