/** How much somebody wants to hear of it, the least first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a notice says besides its text; values that may be printed, logged and sent as JSON. */
export type NoticeFields = Readonly<Record<string, string | number | boolean>>;

/** Why something failed and what to do; without secrets. */
export interface Trouble {
  /** A stable code of `docs/errors.md`; absent for a failure that nobody has met yet. */
  readonly code?: string;
  /** The cause within the code's situation. */
  readonly rule?: string;
  readonly observed: string;
  readonly remedy?: string;
  readonly docsUrl?: string;
}

/** Something that an operator may want to know, told in one line. */
export interface Notice {
  readonly level: LogLevel;
  /** What has happened: an event of the proxy, or `rotation` for all the logins with one token. */
  readonly event: string;
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** One sentence without a full stop. */
  readonly text: string;
  readonly fields: NoticeFields;
  readonly trouble?: Trouble;
  /** Notices of the same kind about the same thing share it: a repetition needs no line of its own. */
  readonly key: string;
}
