export type { PasswordlessSettings } from "../settings.js";
export { IoRedisAdapter } from "./passwordless.js";
