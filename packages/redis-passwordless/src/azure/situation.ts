import type { Environment } from "../identity/managed-identity-source.js";
import type { EntraIdOptions } from "./entra-id.js";
import type { Server } from "./server.js";
import type { ServiceConnectorOptions, ServiceConnectorVariables } from "./service-connector.js";

/** What decides how to log in. */
export interface Situation {
  readonly options: ServiceConnectorOptions & { readonly entraId?: EntraIdOptions | undefined };
  readonly variables: ServiceConnectorVariables;
  readonly server: Server;
  readonly env: Environment;
  /** For humans; filled while the login is found. */
  readonly hints: string[];
}
