export { NodeRedisAdapter } from "./passwordless.js";
export type { PasswordlessSettings } from "./settings.js";
export type { StreamingCredentialsProvider } from "./structural.js";
