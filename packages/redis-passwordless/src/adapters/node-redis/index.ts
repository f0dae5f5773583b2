export { NodeRedisAdapter, type PasswordlessSettings } from "./passwordless.js";
export type { StreamingCredentialsProvider } from "./structural.js";
