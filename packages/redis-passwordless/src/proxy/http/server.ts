import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { unusableAddress } from "../listener.js";
import type { ProxyView } from "../view.js";
import { type Answer, answerTo, problem } from "./answers.js";
import { COMMON_HEADERS, isForeign, isKnownHost } from "./guard.js";
import { HEALTH_BOUNDS, type HealthBounds } from "./health.js";
import { Observed } from "./observed.js";

export interface StatusServerOptions {
  /** Where it listens; `port` 0 for a free one. */
  readonly address: { readonly host: string; readonly port: number };
  /** The proxy. While it is a promise, `/startup` and `/readiness` say no; a proxy that fails to start stays so. */
  readonly view: ProxyView | Promise<ProxyView>;
  /** The version that runs, for humans and metrics. */
  readonly version: string;
  /** Whether the start is over only when each cache has been connected to. @default false */
  readonly needsConnection?: boolean | undefined;
  /**
   * Names by which it may be asked, in lower case; addresses and `localhost` always may.
   * @default none
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Lets `POST /quitquitquit` end the proxy: called once. @default nobody may */
  readonly onQuit?: (() => void) | undefined;
  /** When a server that cannot be reached makes the proxy unready. */
  readonly bounds?: Partial<HealthBounds> | undefined;
}

/** Health, metrics and the admin page of a proxy. */
export interface StatusServer extends AsyncDisposable {
  /** `http://host:port`. */
  readonly url: string;
  readonly port: number;
  /** Takes nobody in any more; answers that are under way are finished. Idempotent. */
  close(): Promise<void>;
}

/** Whoever is slow must not hold what others need; a probe or a scraper takes milliseconds. */
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 8_192,
} as const;
const MOST_CONNECTIONS = 128;
/** A connection on which nothing moves is closed; open pages get something every second. */
const IDLE_MS = 30_000;
/** How long answers that are under way may take to the end when the server closes. */
const CLOSE_MS = 1_000;

/**
 * Serves `/` (the admin page), `/status`, `/metrics`, `/startup`, `/readiness`, `/liveness`, `/events` and, if
 * allowed, `/quitquitquit`. It has no login: listen on loopback, or where only those who may see it can reach it.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { address, view, version, needsConnection = false, onQuit, allowedHosts = [] } = options;
  const observed = new Observed({
    version,
    needsConnection,
    bounds: { ...HEALTH_BOUNDS, ...options.bounds },
    onQuit,
  });
  const server = createServer(LIMITS, (request, response) => {
    respond(request, response, observed, allowedHosts);
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(IDLE_MS, (socket) => socket.destroy());
  server.on("clientError", (_error, socket) => {
    if (socket.writable)
      socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    else socket.destroy();
  });
  try {
    await listening(server, address);
  } catch (error) {
    observed.close();
    throw unusableAddress({ kind: "tcp", ...address }, error, "httpAddress");
  }
  if (view instanceof Promise)
    view.then(
      (proxy) => observed.watch(proxy),
      () => {},
    );
  else observed.watch(view);
  return running(server, observed, address.host);
}

function running(server: Server, observed: Observed, host: string): StatusServer {
  const { port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= new Promise((resolve) => {
      observed.close();
      server.close(() => resolve());
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), CLOSE_MS).unref();
    });
    return closed;
  };
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listening(server: Server, address: StatusServerOptions["address"]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  observed: Observed,
  allowedHosts: readonly string[],
): void {
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
  // Nobody has to send a body; one that comes all the same is thrown away.
  request.resume();
  let answer: Answer | undefined;
  try {
    answer = answerFor(request, response, observed, allowedHosts);
  } catch {
    answer = problem(500, "The proxy could not find out how it is.");
  }
  if (answer === undefined) return;
  const { status, type, body, headers = {} } = answer;
  response.writeHead(status, { ...headers, "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/** `undefined` when it is being answered as a stream. */
function answerFor(
  request: IncomingMessage,
  response: ServerResponse,
  observed: Observed,
  allowedHosts: readonly string[],
): Answer | undefined {
  if (!isKnownHost(request.headers.host, allowedHosts)) {
    return problem(
      421,
      "This name is not known here.",
      "Ask by address or as localhost, or allow the name with --http-allow-host.",
    );
  }
  const [path = ""] = (request.url ?? "").split("?");
  const route = answerTo(path);
  if (route === undefined) return problem(404, "There is no such page.");
  const methods = route.changes ? ["POST"] : ["GET", "HEAD"];
  if (!methods.includes(request.method ?? "")) {
    return { ...problem(405, `Use ${methods.join(" or ")}.`), headers: { allow: methods.join(", ") } };
  }
  if (route.changes && isForeign(request)) {
    return problem(403, "Pages of other sites may not do this.");
  }
  return route.answer(observed, request, response);
}
