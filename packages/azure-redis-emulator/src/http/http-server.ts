import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { EmulatorClock } from "../clock.js";

/** A request as the handlers see it: read to its end, with its address taken apart. */
export interface HttpRequest {
  readonly method: string;
  /** Decoded nowhere, without query and without trailing slashes: `/metadata/identity/oauth2/token`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal;
}

/** What happens to a request: it is answered, never answered, or its connection is reset. */
export type HttpAnswer =
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" };

export interface HttpServerOptions {
  readonly clock: EmulatorClock;
  /** Answers over TLS when given. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Default: a free port. */
  readonly port?: number;
  readonly handle: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;
}

export interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Far more than a token request needs. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Loopback only: the emulator hands out tokens to whoever asks. */
const HOST = "127.0.0.1";

/** A reply with a JSON body that must not be cached. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer & { kind: "reply" } {
  return {
    kind: "reply",
    status,
    headers: { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", ...headers },
    body: JSON.stringify(value),
  };
}

/** A page for a browser. */
export function html(status: number, title: string, body: string): HttpAnswer & { kind: "reply" } {
  return {
    kind: "reply",
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" },
    body: `<!doctype html><html lang="en"><head><title>${escapeHtml(title)}</title></head><body>${body}</body></html>`,
  };
}

/** A text as it may stand in a page, between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

export function redirect(location: string): HttpAnswer & { kind: "reply" } {
  return {
    kind: "reply",
    status: 302,
    headers: { Location: location, "Cache-Control": "no-store" },
    body: "",
  };
}

/** Starts a server on loopback whose `Date` header shows the emulator's clock. */
export async function startHttpServer({
  clock,
  tls,
  port = 0,
  handle,
}: HttpServerOptions): Promise<HttpServer> {
  const server = tls ? https.createServer(tls) : http.createServer();
  const sockets = new RawSockets(server);
  const onRequest = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const answer = await answerTo(request, response, handle);
    if (answer.kind === "reset") {
      sockets.reset(request.socket);
    } else if (answer.kind === "reply" && !response.destroyed) {
      response.sendDate = false;
      response.writeHead(answer.status, { Date: new Date(clock.now()).toUTCString(), ...answer.headers });
      response.end(answer.body);
    }
  };
  server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    onRequest(request, response).catch(() => request.destroy());
  });
  // A client that breaks off its TLS handshake, or sends no HTTP, concerns nobody but itself.
  // What speaks another protocol hears that this is HTTP, as from any web server.
  server.on("clientError", (_error: Error, socket: Socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => {
      server.off("error", reject);
      resolve();
    });
  });

  let closing: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        sockets.destroyAll();
      });
      return closing;
    },
  };
}

async function answerTo(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  handle: HttpServerOptions["handle"],
): Promise<HttpAnswer> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const url = new URL(request.url ?? "/", "http://localhost");
  try {
    return await handle({
      method: request.method ?? "GET",
      path: url.pathname.replace(/\/+$/, "") || "/",
      query: url.searchParams,
      headers: request.headers,
      body: await readBody(request),
      signal: gone.signal,
    });
  } catch (error) {
    return json(500, {
      error: "emulator_error",
      message: error instanceof Error ? error.message : "unknown",
    });
  }
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) {
      throw new Error(`The request body is longer than ${MAX_BODY_BYTES} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * The TCP sockets under the server's connections.
 *
 * A reset (RST) can be asked of a TCP socket only, and a request over TLS knows just its TLS socket:
 * the remote port leads from one to the other.
 */
class RawSockets {
  readonly #byRemotePort = new Map<number, Socket>();

  constructor(server: http.Server | https.Server) {
    server.on("connection", (socket: Socket) => {
      const { remotePort } = socket;
      if (remotePort !== undefined) {
        this.#byRemotePort.set(remotePort, socket);
        socket.once("close", () => this.#byRemotePort.delete(remotePort));
      }
    });
  }

  reset(socket: Socket): void {
    const raw = socket.remotePort === undefined ? undefined : this.#byRemotePort.get(socket.remotePort);
    (raw ?? socket).resetAndDestroy();
  }

  destroyAll(): void {
    for (const socket of this.#byRemotePort.values()) {
      socket.destroy();
    }
  }
}
