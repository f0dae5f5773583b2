export type { HealthBounds, HealthReason } from "./health.js";
export { type StatusServer, type StatusServerOptions, startStatusServer } from "./server.js";
