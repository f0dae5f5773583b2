export { type RedisBackend, singleServer } from "./backend.js";
export { connectRedisServer } from "./connect-redis-server.js";
export { findRedisServer } from "./find-redis-server.js";
export { isOpenToAnybody } from "./open-server.js";
export { LOOPBACK_IP, type StartRedisClusterOptions, startRedisCluster } from "./redis-cluster.js";
export { RedisReplyError, type Reply } from "./reply.js";
export type { RedisServer } from "./server.js";
export { type StartRedisServerOptions, startRedisServer } from "./start-redis-server.js";
