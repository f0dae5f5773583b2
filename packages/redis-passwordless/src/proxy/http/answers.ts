import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { acceptedFormat, CONTENT_TYPES } from "../metrics/exposition.js";
import type { HealthReason } from "./health.js";
import type { Observed } from "./observed.js";
import { PAGE_POLICY } from "./page/page.js";

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** One path. */
export interface Route {
  /** Whether it changes something: then it takes POST, from no page of another site. */
  readonly changes?: true;
  /** `undefined` when it goes on as a stream. */
  answer(observed: Observed, request: IncomingMessage, response: ServerResponse): Answer | undefined;
}

const JSON_TYPE = "application/json; charset=utf-8";

function json(status: number, body: unknown): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(body, undefined, 2)}\n` };
}

/** An answer that says what is wrong, and nothing of the inside. */
export function problem(status: number, error: string, remedy?: string): Answer {
  return json(status, { error, ...(remedy === undefined ? {} : { remedy }) });
}

function health(reasons: readonly HealthReason[]): Answer {
  return reasons.length === 0 ? json(200, { status: "ok" }) : json(503, { status: "not ok", reasons });
}

const NOT_YET = problem(503, "The proxy is starting.", "Ask again in a moment.");

const ROUTES: Readonly<Record<string, Route>> = {
  "/": {
    answer(observed) {
      const body = observed.page();
      if (body === undefined) return NOT_YET;
      const headers = { "content-security-policy": PAGE_POLICY };
      return { status: 200, type: "text/html; charset=utf-8", body, headers };
    },
  },
  "/status": {
    answer(observed) {
      const document = observed.document();
      return document === undefined ? NOT_YET : json(200, document);
    },
  },
  "/metrics": {
    answer(observed, { headers: { accept } }) {
      const format = acceptedFormat(accept);
      return {
        status: 200,
        type: CONTENT_TYPES[format],
        body: observed.metrics(format),
        headers: { vary: "Accept" },
      };
    },
  },
  "/startup": { answer: (observed) => health(observed.startup()) },
  "/readiness": { answer: (observed) => health(observed.readiness()) },
  "/liveness": { answer: (observed) => health(observed.liveness()) },
  "/events": {
    answer(observed, { method }, response) {
      if (observed.streams.isFull) return problem(503, "As many pages are open as there may be.");
      response.setHeader("content-type", "text/event-stream; charset=utf-8");
      if (method === "HEAD") response.end();
      else observed.streams.add(response);
      return undefined;
    },
  },
  "/quitquitquit": {
    changes: true,
    answer(observed) {
      if (!observed.mayQuit) {
        return problem(403, "Nobody may end this proxy so.", "Start it with --quitquitquit to allow it.");
      }
      observed.quit();
      return json(202, { status: "ending" });
    },
  },
};

/** Who answers for a path. */
export function answerTo(path: string): Route | undefined {
  return Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
}
