export type { PasswordlessSettings } from "../settings.js";
export { NodeRedisAdapter } from "./passwordless.js";
export type { StreamingCredentialsProvider } from "./structural.js";
