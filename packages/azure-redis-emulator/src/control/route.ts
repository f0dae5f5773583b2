import type { ActiveFault } from "../api.js";
import type { EmulatorClock } from "../clock.js";
import type { HttpAnswer, HttpRequest } from "../http/http-server.js";
import type { RunningEmulator } from "../running-emulator.js";

/** What a route works with. */
export interface ControlCall {
  readonly request: HttpRequest;
  readonly emulator: RunningEmulator;
  readonly clock: EmulatorClock;
  /** The parts of the path that the route leaves open, decoded. */
  readonly parameters: readonly string[];
  /** Faults injected over HTTP, by the identifier given out. */
  readonly faults: Map<string, ActiveFault>;
}

export interface Route {
  readonly method: string;
  /** `/identities/:objectId`; a segment with a colon is open. */
  readonly path: string;
  run(call: ControlCall): HttpAnswer | Promise<HttpAnswer>;
}
