import { randomBytes, randomUUID } from "node:crypto";
import type { RegularAnswer } from "../faults/token-requests.js";
import {
  type HttpAnswer,
  type HttpRequest,
  type HttpServer,
  json,
  startHttpServer,
} from "../http/http-server.js";
import { isRedisResource } from "../tokens/redis-resource.js";
import type { TokenDefect } from "../tokens/token-service.js";
import type { ManagedIdentityOptions } from "./imds.js";
import { type SelectorNames, selectorFrom } from "./selector.js";

/** The endpoint that App Service, Functions and Container Apps offer to their processes. */
export interface AppService extends HttpServer {
  /** Value of `IDENTITY_HEADER`, that a request must bring along. */
  readonly header: string;
}

export const APP_SERVICE_PATH = "/msi/token";

/** A version of the protocol: what its parameters and headers are called, and how it writes an instant. */
interface Protocol {
  readonly header: string;
  readonly selectors: SelectorNames;
  readonly expiresOn: (epochSeconds: number) => string;
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  "2019-08-01": {
    header: "x-identity-header",
    selectors: {
      clientId: ["client_id"],
      objectId: ["principal_id", "object_id"],
      resourceId: ["mi_res_id"],
    },
    expiresOn: String,
  },
  // The older version, which some SDKs still speak.
  "2017-09-01": {
    header: "secret",
    selectors: { clientId: ["clientid"], objectId: [], resourceId: [] },
    expiresOn: (epochSeconds) => new Date(epochSeconds * 1000).toISOString().replace(/\.\d+Z$/, "+00:00"),
  },
};

/**
 * Starts the managed identity endpoint of App Service.
 *
 * @see https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
export async function startAppService(options: ManagedIdentityOptions): Promise<AppService> {
  const header = randomBytes(24).toString("hex").toUpperCase();
  const server = await startHttpServer({
    clock: options.clock,
    handle: (request) => handle(request, options, header),
  });
  return { ...server, header };
}

function handle(
  request: HttpRequest,
  options: ManagedIdentityOptions,
  header: string,
): HttpAnswer | Promise<HttpAnswer> {
  if (request.path !== APP_SERVICE_PATH) {
    return json(404, { statusCode: 404, message: "The requested path does not exist." });
  }
  const protocol = PROTOCOLS[request.query.get("api-version") ?? ""];
  const selected =
    protocol && options.directory.selectManaged(selectorFrom(request.query, protocol.selectors));
  const objectId = typeof selected === "object" ? selected.identity.objectId : undefined;
  return options.requests.answer(
    { endpoint: "appService", request, parameters: request.query, objectId },
    async (defect) => {
      // The wording of these four is ours: no source for App Service's own.
      if (request.method !== "GET") {
        return refused(405, "Only GET is allowed.");
      }
      if (!protocol) {
        return refused(400, "The query parameter 'api-version' is missing or not supported.");
      }
      if (request.headers[protocol.header] !== header) {
        return refused(401, `The header '${protocol.header}' is missing or wrong.`);
      }
      if (!request.query.get("resource")) {
        return refused(400, "The query parameter 'resource' is missing.");
      }
      return issue(request, options, protocol, defect);
    },
  );
}

async function issue(
  { query }: HttpRequest,
  { directory, tokens }: ManagedIdentityOptions,
  { selectors, expiresOn }: Protocol,
  defect: TokenDefect | undefined,
): Promise<RegularAnswer> {
  const resource = query.get("resource") ?? "";
  const selector = selectorFrom(query, selectors);
  const record = directory.selectManaged(selector);
  // Nothing named means the system-assigned identity here; a user-assigned one is never the default.
  const isUnnamedUser =
    typeof record === "object" && record.identity.kind === "user" && Object.keys(selector).length === 0;
  if (typeof record === "string" || isUnnamedUser) {
    return refused(
      400,
      "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
    );
  }
  if (!isRedisResource(resource)) {
    return refused(
      400,
      `AADSTS500011: The resource principal named ${resource} was not found in the tenant named ${directory.tenantId}.`,
    );
  }
  const issued = await tokens.issue(record, "certificate", defect);
  const body = {
    access_token: issued.token,
    client_id: record.identity.clientId,
    expires_on: expiresOn(issued.expiresAt),
    not_before: expiresOn(issued.issuedAt),
    resource,
    token_type: "Bearer",
  };
  return { answer: json(200, body), issued };
}

function refused(statusCode: number, message: string): RegularAnswer {
  return { answer: json(statusCode, { statusCode, message, correlationId: randomUUID() }) };
}
