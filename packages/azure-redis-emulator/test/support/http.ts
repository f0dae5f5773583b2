import http from "node:http";
import https from "node:https";
import type { Emulator } from "../../src/index.js";

export interface Response {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  readonly body: Record<string, unknown>;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** PEM of the authority to trust. */
  readonly ca?: string;
}

/** One request on a connection of its own; rejects when the connection breaks. */
export function request(url: string, { ca, body, ...options }: RequestOptions = {}): Promise<Response> {
  const { request: send } = url.startsWith("https:") ? https : http;
  return new Promise((resolve, reject) => {
    const sent = send(url, { ...options, agent: false, ...(ca !== undefined && { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          get body() {
            return JSON.parse(text) as Record<string, unknown>;
          },
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export const REDIS_SCOPE = "https://redis.azure.com/.default";
export const REDIS_RESOURCE = "https://redis.azure.com";

export interface TokenForm {
  readonly tenant?: string;
  /** Of the token endpoint, after the tenant. */
  readonly path?: string;
  /** Fields on top of the regular ones of a client-credentials request; `undefined` leaves one out. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
}

/** Asks the authority for a token, as the default service principal unless `fields` says otherwise. */
export function askAuthority(
  azure: Emulator,
  { tenant = azure.tenantId, path = "oauth2/v2.0/token", fields = {} }: TokenForm = {},
): Promise<Response> {
  const all = {
    grant_type: "client_credentials",
    client_id: azure.servicePrincipal.clientId,
    client_secret: azure.servicePrincipal.secret,
    scope: REDIS_SCOPE,
    ...fields,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return request(`${azure.authorityHost}/${tenant}/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(given).toString(),
    ca: azure.caCertificate,
  });
}

/** Asks IMDS for a token for Redis. */
export function askImds(
  azure: Emulator,
  parameters: Readonly<Record<string, string>> = {},
  headers: Record<string, string> = { Metadata: "true" },
): Promise<Response> {
  const query = new URLSearchParams({ "api-version": "2018-02-01", resource: REDIS_RESOURCE, ...parameters });
  return request(`${azure.imdsHost}/metadata/identity/oauth2/token?${query}`, { headers });
}

/** Asks the App Service endpoint for a token for Redis. */
export function askAppService(
  azure: Emulator,
  parameters: Readonly<Record<string, string>> = {},
  headers: Record<string, string> = { "X-IDENTITY-HEADER": azure.appService.header },
): Promise<Response> {
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource: REDIS_RESOURCE, ...parameters });
  return request(`${azure.appService.endpoint}?${query}`, { headers });
}

/** The claims of the access token in a response. */
export function claimsIn(response: Response): Record<string, unknown> {
  return claimsOf(String(response.body["access_token"]));
}

export function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ""] = token.split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Record<string, unknown>;
}
