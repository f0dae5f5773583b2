/**
 * What Azure's environment says: addresses of caches, and the variables of Azure Service Connector.
 *
 * @module
 */
export type { AzureConnectionOptions } from "./azure/connection.js";
export { describe } from "./azure/describe.js";
export type { DescribedVariable, Description } from "./azure/description.js";
export { type AzureEndpoint, type AzureProduct, azureEndpoint } from "./azure/endpoint.js";
export type { EntraIdOptions } from "./azure/entra-id.js";
export {
  MAINTENANCE_CHANNEL,
  type MaintenanceNotification,
  type MaintenanceType,
  parseMaintenance,
} from "./azure/maintenance.js";
export type { ServiceConnectorField, ServiceConnectorOptions } from "./azure/service-connector.js";
export type { CloudName } from "./identity/clouds.js";
export type { IdentityKind } from "./identity/plan.js";
