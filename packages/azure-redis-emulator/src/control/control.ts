import type { ActiveFault } from "../api.js";
import type { EmulatorClock } from "../clock.js";
import {
  type HttpAnswer,
  type HttpRequest,
  type HttpServer,
  json,
  startHttpServer,
} from "../http/http-server.js";
import type { RunningEmulator } from "../running-emulator.js";
import { InputError } from "./input.js";
import { ROUTES } from "./routes.js";

export interface ControlOptions {
  readonly clock: EmulatorClock;
  readonly port?: number;
  readonly emulator: () => RunningEmulator;
}

/** Starts the control: the emulator's interface over HTTP, for tests in any language. */
export function startControl({ clock, port, emulator }: ControlOptions): Promise<HttpServer> {
  const faults = new Map<string, ActiveFault>();
  const handle = async (request: HttpRequest): Promise<HttpAnswer> => {
    if (!isLocalClient(request)) {
      return json(403, { error: "Requests of web pages are not served." });
    }
    const matches = ROUTES.flatMap((route) => {
      const parameters = matchPath(route.path, request.path);
      return parameters ? [{ route, parameters }] : [];
    });
    const match = matches.find(({ route }) => route.method === request.method);
    if (!match) {
      return matches.length > 0
        ? json(405, {
            error: `${request.path} allows ${matches.map(({ route }) => route.method).join(", ")}.`,
          })
        : json(404, { error: `There is no ${request.path}.` });
    }
    try {
      return await match.route.run({
        request,
        emulator: emulator(),
        clock,
        parameters: match.parameters,
        faults,
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : "unknown";
      const isCallersFault =
        error instanceof InputError || error instanceof RangeError || error instanceof TypeError;
      return json(isCallersFault ? 400 : 409, { error: message });
    }
  };
  return startHttpServer({ clock, handle, ...(port !== undefined && { port }) });
}

/**
 * The control hands out secrets, so a page in a browser on the same machine must not reach it: neither by
 * a cross-origin request (`Origin`) nor by a name that its owner points at 127.0.0.1 (`Host`).
 */
function isLocalClient({ headers }: HttpRequest): boolean {
  return headers.origin === undefined && /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(headers.host ?? "");
}

function matchPath(pattern: string, path: string): readonly string[] | undefined {
  const expected = pattern.split("/");
  const given = path.split("/");
  if (expected.length !== given.length) {
    return undefined;
  }
  const parameters: string[] = [];
  for (const [index, segment] of expected.entries()) {
    const value = given[index] ?? "";
    if (segment.startsWith(":")) {
      parameters.push(decodeURIComponent(value));
    } else if (segment !== value) {
      return undefined;
    }
  }
  return parameters;
}
