import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PasswordlessError } from "../../src/core/errors.js";
import type { IdentityProvider } from "../../src/core/identity-provider.js";
import type { TokenResponse } from "../../src/core/token.js";

export const OID = "11111111-1111-4111-8111-111111111111";
export const TENANT = "22222222-2222-4222-8222-222222222222";
export const CLIENT = "33333333-3333-4333-8333-333333333333";
export const SECRET = "s3cr3t~value.of-the-application";

/** A token as Entra ID writes it, with a signature of nobody. */
export function jwt(claims: Readonly<Record<string, unknown>> = {}): string {
  const nowS = Math.floor(Date.now() / 1000);
  const body = {
    aud: "https://redis.azure.com",
    oid: OID,
    tid: TENANT,
    appid: CLIENT,
    idtyp: "app",
    ver: "1.0",
    iat: nowS,
    nbf: nowS,
    exp: nowS + 3600,
    ...claims,
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "RS256", typ: "JWT" })}.${encode(body)}.c2lnbmF0dXJl`;
}

/** Payload of a JWT, for assertions on assertions. */
export function decode(token: string): {
  header: Record<string, unknown>;
  body: Record<string, unknown>;
} {
  const part = (index: number) =>
    JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString()) as Record<string, unknown>;
  return { header: part(0), body: part(1) };
}

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string>;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface TestServer extends AsyncDisposable {
  readonly origin: string;
  readonly received: Received[];
  /** What the next requests are answered with. */
  answer: Answer | ((request: Received, response: ServerResponse) => Answer | undefined);
}

/** A real HTTP server that records what it gets and answers what it is told. */
export async function startServer(tls?: {
  readonly key: string;
  readonly cert: string;
}): Promise<TestServer> {
  const received: Received[] = [];
  const server = { received, answer: {} } as unknown as { -readonly [K in keyof TestServer]: TestServer[K] };
  const listener: RequestListener = (request, response) => {
    void collect(request).then((body) => {
      const url = new URL(request.url ?? "/", "http://test");
      const entry: Received = {
        method: request.method ?? "",
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body,
      };
      received.push(entry);
      const { answer } = server;
      const reply = typeof answer === "function" ? answer(entry, response) : answer;
      if (reply === undefined) return;
      const { status = 200, headers = {}, body: content = {} } = reply;
      const text = typeof content === "string" ? content : JSON.stringify(content);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
    });
  };
  const http: Server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  server.origin = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  server[Symbol.asyncDispose] = () =>
    new Promise((resolve) => {
      http.closeAllConnections();
      http.close(() => resolve());
    });
  return server;
}

async function collect(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

export interface Certificates extends Disposable {
  readonly directory: string;
  /** Certificate authority of the test server, PEM. */
  readonly ca: string;
  /** Key and certificate for `localhost`. */
  readonly server: { readonly key: string; readonly cert: string };
  readonly openssl: (...args: string[]) => string;
  /** Reads a file that a command wrote. */
  read(name: string): Buffer;
  path(name: string): string;
}

/** A directory with a certificate authority and a server certificate for `localhost`, made by the openssl command. */
export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "identity-test-"));
  const path = (name: string) => join(directory, name);
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "pipe", "ignore"] }).toString();
  const read = (name: string) => readFileSync(path(name));
  const text = (name: string) => read(name).toString();
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
  openssl(...request, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA");
  const issue = [
    ...request,
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-keyout",
    "server.key",
    "-out",
    "server.pem",
  ];
  const names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  openssl(...issue, "-subj", "/CN=localhost", ...names);
  return {
    directory,
    ca: text("ca.pem"),
    server: { key: text("server.key"), cert: text("server.pem") },
    openssl,
    read,
    path,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Asks once, with a deadline. */
export function ask(provider: IdentityProvider, timeoutMs = 10_000): Promise<TokenResponse> {
  return provider.requestToken({ signal: AbortSignal.timeout(timeoutMs) });
}

/** The error that asking ends in. */
export async function refusal(provider: IdentityProvider): Promise<PasswordlessError> {
  return caught(() => ask(provider));
}

/** The `PasswordlessError` that an action ends in. */
export async function caught(action: () => unknown): Promise<PasswordlessError> {
  try {
    await action();
  } catch (error) {
    if (PasswordlessError.is(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const CHILD = fileURLToPath(new URL("azure-identity-child.mjs", import.meta.url));

/** Claims of a token that a credential of @azure/identity (class and constructor arguments) gets in a fresh process. */
export async function askAzureIdentity(
  [name, ...args]: readonly [string, ...unknown[]],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, JSON.stringify({ name, args })], {
    env: { PATH: process.env["PATH"], ...env },
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}
