export const HELP = `A local Azure for Redis clients: Entra ID, managed identity endpoints and a Redis gateway.

  azure-redis-emulator                             start, print the environment to export, run until Ctrl-C
  azure-redis-emulator --token-lifetime 30s        tokens that end soon
  azure-redis-emulator --identity service-principal --json
  azure-redis-emulator --cluster 3                 an OSS cluster, as Azure Managed Redis has
  azure-redis-emulator --cluster-policy enterprise what Azure Managed Redis has otherwise
  azure-redis-emulator --redis-url redis://localhost:6379

Flags (each is also a variable: --token-lifetime is AZURE_REDIS_EMULATOR_TOKEN_LIFETIME):
  --identity NAME         whose environment is printed: system (default), user, service-principal,
                          developer
  --endpoint NAME         where managed identities get tokens: imds (default), app-service
  --json                  print addresses, identities and environment as one line of JSON
  --token-lifetime TIME   life of a token, from 1s; default 1h
  --token-version V       v1 (default) or v2
  --tenant-id GUID        default: a random one
  --port N                port of the Redis gateway (TLS), in a cluster that of the first node, from which on
                          the others count up; default free ones
  --control-port N        port of the HTTP control; default a free one
  --idle-timeout TIME     silent connections are closed after it; default 10m, 0 for never
  --redis-url URL         use this Redis, redis://user:password@host:port, instead of starting one
  --redis-bin PATH        start this redis-server or valkey-server; default REDIS_SERVER_BIN, then PATH
  --product NAME          block what managed-redis (Azure Managed Redis) or cache-for-redis (Azure Cache for Redis)
                          blocks; default nothing
  --cluster N             start an OSS cluster of this many masters, 3 or more, instead of one server
  --cluster-replicas N    replicas of each master; default 0
  --cluster-announce NAME how its nodes announce themselves: hostname (default), which the certificate covers; ip,
                          which it does not cover, as on Azure; unreachable-ip, as behind a private endpoint seen
                          from outside of its network
  --cluster-policy NAME   oss (default), or enterprise: one endpoint as if there were no cluster, with the limits of
                          managed-redis
  --service-connector     print AZURE_REDIS_HOST and so on, as Service Connector names cache and identity
  --help, --version

Results go to stdout, logs to stderr. Exit codes: 0 after Ctrl-C, 1 failed, 2 wrong usage, 143 after SIGTERM.
`;
