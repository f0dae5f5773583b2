export { connectRedisServer } from "./connect-redis-server.js";
export { findRedisServer } from "./find-redis-server.js";
export { isOpenToAnybody } from "./open-server.js";
export { RedisReplyError, type Reply } from "./reply.js";
export type { RedisServer } from "./server.js";
export { type StartRedisServerOptions, startRedisServer } from "./start-redis-server.js";
