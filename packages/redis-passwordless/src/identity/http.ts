import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { systemClock } from "../core/clock.js";
import { sanitiseCause } from "../core/sanitise.js";

export interface HttpRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Certificate authorities (PEM) to trust instead of the system's. */
  readonly ca?: string | readonly string[] | undefined;
  /** Past every proxy that an agent may have been given: for endpoints on this machine. @default false */
  readonly isLocal?: boolean;
  /** How long the connection may take, in milliseconds; `signal` bounds the whole exchange. @default 10_000 */
  readonly connectTimeoutMs?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** The other side's clock (`Date` header) in epoch milliseconds. */
  readonly serverTimeMs: number | undefined;
  /** `Retry-After` as a wait in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** No HTTP answer: refused, unreachable, cut off, not trusted. Carries a code and a text, never headers or bodies. */
export class ExchangeFailure extends Error {
  readonly code: string;
  /** Whether the certificate was refused, which waiting does not cure. */
  readonly isCertificateProblem: boolean;

  constructor(error: unknown) {
    const { code } = error as { code?: unknown };
    super(error instanceof Error && error.message !== "" ? error.message : "no answer", {
      cause: sanitiseCause(error),
    });
    this.name = "ExchangeFailure";
    this.code = typeof code === "string" ? code : "UNKNOWN";
    this.isCertificateProblem = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ALTNAME/.test(this.code);
  }
}

/** Tokens are a few kilobytes; anything near this is not an answer to our question. */
const LARGEST_BODY_BYTES = 256 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * One request and its answer, whatever the status. Redirects are not followed: a token request must not wander off.
 * The modules behind it are loaded on first use, so that importing this library stays cheap.
 *
 * @throws {ExchangeFailure} when there is no complete answer
 * @throws the signal's reason when it aborts
 */
export async function exchange(request: HttpRequest): Promise<HttpResponse> {
  request.signal.throwIfAborted();
  const transport =
    request.url.protocol === "https:" ? await import("node:https") : await import("node:http");
  try {
    const response = await send(request, (options) => transport.request(request.url, options));
    const body = await readBody(response);
    const serverTimeMs = parseDate(response.headers.date);
    return {
      status: response.statusCode ?? 0,
      contentType: response.headers["content-type"] ?? "",
      body,
      serverTimeMs,
      retryAfterMs: parseRetryAfter(response.headers["retry-after"], serverTimeMs ?? systemClock.now()),
    };
  } catch (error) {
    request.signal.throwIfAborted();
    throw new ExchangeFailure(error);
  }
}

/**
 * `Retry-After` in milliseconds, from its seconds or its date form; `undefined` when absent or unreadable.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const atMs = parseDate(value);
  return atMs === undefined ? undefined : Math.max(0, atMs - nowMs);
}

function parseDate(value: string | undefined): number | undefined {
  const atMs = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(atMs) ? undefined : atMs;
}

function send(
  request: HttpRequest,
  open: (options: RequestOptions) => ClientRequest,
): Promise<IncomingMessage> {
  const { method, body, signal, ca } = request;
  const headers: Record<string, string> = { accept: "application/json", ...request.headers };
  // A kept connection would sit idle for most of an hour and then fail the one request that matters.
  headers["connection"] = "close";
  if (body !== undefined) headers["content-length"] = String(Buffer.byteLength(body));
  const options = {
    method,
    headers,
    signal,
    ...(request.isLocal === true ? { agent: false as const } : {}),
    ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = open(options);
    limitConnecting(outgoing, request.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

function limitConnecting(outgoing: ClientRequest, timeoutMs: number): void {
  const timer = systemClock.schedule(() => {
    const error = Object.assign(new Error(`no connection after ${timeoutMs} ms`), { code: "ETIMEDOUT" });
    outgoing.destroy(error);
  }, timeoutMs);
  const stop = (): void => timer[Symbol.dispose]();
  outgoing.once("close", stop);
  outgoing.once("socket", (socket) => {
    if (socket.connecting) socket.once("connect", stop);
    else stop();
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) {
      response.destroy();
      throw new Error(`the answer is larger than ${LARGEST_BODY_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
