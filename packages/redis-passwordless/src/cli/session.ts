import type { Environment } from "../identity/managed-identity-source.js";
import type { Output } from "./output.js";
import type { Settings } from "./settings.js";
import type { Stop } from "./stop.js";

/** What a command works with. */
export interface Session {
  readonly settings: Settings;
  /** The variables of this process: nothing below the command line reads them itself. */
  readonly env: Environment;
  readonly output: Output;
  readonly stop: Stop;
}

/** A command's code; resolves with the exit code. */
export type Run = (session: Session) => Promise<number>;
