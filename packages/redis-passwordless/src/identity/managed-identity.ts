import { systemClock } from "../core/clock.js";
import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import type { Facts } from "../explain/facts.js";
import { resourceOf } from "./clouds.js";
import { ExchangeFailure, exchange, type HttpResponse } from "./http.js";
import type { ManagedIdentitySource } from "./managed-identity-source.js";
import type { ManagedIdentitySelector } from "./options.js";
// What goes wrong is explained by modules that are loaded when it does.
import type { Asked } from "./refusal.js";
import {
  parseInstant,
  parseObject,
  parseSeconds,
  type TokenExpectations,
  textOf,
  toTokenResponse,
} from "./token-response.js";

const IMDS_PATH = "/metadata/identity/oauth2/token";
/** The address is on the host itself: what does not connect at once will not. */
const CONNECT_TIMEOUT_MS = 3000;

/** How each endpoint calls the ways to name a user-assigned identity; the resource ID differs. */
const PARAMETERS = {
  imds: { clientId: "client_id", objectId: "object_id", resourceId: "msi_res_id" },
  appService: { clientId: "client_id", objectId: "object_id", resourceId: "mi_res_id" },
} as const;

/**
 * A managed identity, asked from the endpoint that Azure offers to the workload: the instance metadata service of
 * virtual machines (and AKS nodes), or the endpoint of App Service, Functions and Container Apps.
 *
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 * @see https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
export class ManagedIdentityProvider implements IdentityProvider {
  readonly description: string;
  readonly #source: ManagedIdentitySource;
  readonly #selector: ManagedIdentitySelector;
  readonly #expected: TokenExpectations;

  constructor(
    source: ManagedIdentitySource,
    selector: ManagedIdentitySelector,
    expected: TokenExpectations,
    description: string,
  ) {
    this.description = description;
    this.#source = source;
    this.#selector = selector;
    this.#expected = expected;
  }

  async requestToken({ signal }: TokenRequest): Promise<TokenResponse> {
    const url = this.#url();
    const asked = this.#asked(url);
    let response: HttpResponse;
    try {
      response = await exchange({
        url,
        method: "GET",
        headers:
          this.#source.kind === "imds" ? { metadata: "true" } : { "x-identity-header": this.#source.header },
        signal,
        isLocal: true,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
      });
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      const { unreachableError } = await import("./refusal.js");
      throw unreachableError(asked, error);
    }
    return this.#read(response, asked);
  }

  #asked(url: URL): Asked {
    const source = this.#source;
    return {
      from: `the managed identity endpoint ${url.origin}`,
      target: "managedIdentity",
      identity: this.description,
      facts: {
        identityEndpoint: source.kind,
        selector: selectorKind(this.#selector),
        ...this.#selector,
        scope: this.#expected.scope,
      },
      secrets: source.kind === "appService" ? [source.header] : [],
    };
  }

  #url(): URL {
    const source = this.#source;
    const url = source.kind === "imds" ? new URL(source.host + IMDS_PATH) : new URL(source.endpoint);
    url.searchParams.set("api-version", source.kind === "imds" ? "2018-02-01" : "2019-08-01");
    url.searchParams.set("resource", resourceOf(this.#expected.scope));
    const names = PARAMETERS[source.kind];
    const { clientId, objectId, resourceId } = this.#selector;
    if (clientId !== undefined) url.searchParams.set(names.clientId, clientId);
    if (objectId !== undefined) url.searchParams.set(names.objectId, objectId);
    if (resourceId !== undefined) url.searchParams.set(names.resourceId, resourceId);
    return url;
  }

  async #read(response: HttpResponse, asked: Asked): Promise<TokenResponse> {
    const { serverTimeMs } = response;
    if (response.status !== 200) {
      const { managedIdentityRefusal } = await import("./managed-identity-errors.js");
      throw managedIdentityRefusal(response, asked);
    }
    const body = parseObject(response.body);
    const token = body === undefined ? undefined : textOf(body, "access_token");
    if (body === undefined || token === undefined || token === "") {
      const { malformedError } = await import("./refusal.js");
      throw malformedError(asked, "HTTP 200 without an `access_token`", { status: 200 });
    }
    const nowMs = serverTimeMs ?? systemClock.now();
    const lifetimeMs = parseSeconds(body["expires_in"]);
    const refreshInMs = parseSeconds(body["refresh_in"]);
    return toTokenResponse(
      {
        token,
        serverTimeMs,
        expiresAtMs:
          parseInstant(body["expires_on"]) ?? (lifetimeMs === undefined ? undefined : nowMs + lifetimeMs),
        refreshAtMs:
          parseInstant(body["refresh_on"]) ?? (refreshInMs === undefined ? undefined : nowMs + refreshInMs),
      },
      this.#expected,
    );
  }
}

function selectorKind({ clientId, objectId, resourceId }: ManagedIdentitySelector): Facts["selector"] {
  if (clientId !== undefined) return "clientId";
  if (objectId !== undefined) return "objectId";
  return resourceId === undefined ? "none" : "resourceId";
}
