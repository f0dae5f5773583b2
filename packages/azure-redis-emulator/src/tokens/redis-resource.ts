/** The resource that tokens for Redis are made for, by its two names (Azure/Microsoft.Azure.StackExchangeRedis). */
export const REDIS_RESOURCE_URI = "https://redis.azure.com";
export const REDIS_RESOURCE_ID = "acca5fbb-b7e4-4009-81f1-37e38fd66d78";

/** What a client may do on behalf of a user: the scope of a user's token. */
export const USER_PERMISSION = "user_impersonation";

/** What a token's `aud` may be. Azure's own choice is not documented, so every spelling of the resource counts. */
export const REDIS_AUDIENCES: readonly string[] = [
  REDIS_RESOURCE_URI,
  `${REDIS_RESOURCE_URI}/`,
  REDIS_RESOURCE_ID,
];

/** True when a `resource` parameter, or a scope without its `/.default`, names Redis. */
export function isRedisResource(resource: string): boolean {
  return REDIS_AUDIENCES.includes(resource.toLowerCase());
}
