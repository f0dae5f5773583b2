import type { Rule } from "../rule.js";

/** ACR's answer has `ERR` in front, some clients take the prefix off: what counts is the part that stays. */
const REFUSED = /WRONGPASS|invalid username|user is disabled/i;

/** The audience of tokens for Redis, by its URI or by its application ID. */
const NOT_FOR_REDIS =
  /^(?!(?:https:\/\/redis\.azure\.com|(?:api:\/\/)?acca5fbb-b7e4-4009-81f1-37e38fd66d78)\/*$)/i;

const ASSIGN = {
  managedRedis: [
    "az redisenterprise database access-policy-assignment create -g RG --cluster-name {cacheName|CACHE} --database-name default --access-policy-assignment-name NAME --access-policy-name default --object-id {objectId|OID}",
  ],
  cacheForRedis: [
    'az redis access-policy-assignment create -g RG -n {cacheName|CACHE} --policy-assignment-name NAME --access-policy-name "Data Contributor" --object-id {objectId|OID} --object-id-alias ALIAS',
  ],
} as const;

const SHOW_ASSIGNMENTS = {
  managedRedis: [
    "az redisenterprise database access-policy-assignment list -g RG --cluster-name {cacheName|CACHE} --database-name default",
  ],
  cacheForRedis: [
    "az redis access-policy-assignment list -g RG -n {cacheName|CACHE}",
    "az redis access-policy list -g RG -n {cacheName|CACHE}",
  ],
} as const;

/** Why a login is refused, which Redis tells in one and the same text, whatever the reason. */
const LOGIN_RULES: readonly Rule[] = [
  {
    id: "access-key-refused",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [{ fact: "login", is: "accessKey" }],
    certainty: "likely",
    meaning:
      "the access key is not one of the cache's, has been regenerated, or logins with access keys are switched off there, as they are on every new Azure Managed Redis",
    remedy:
      "Check that the access key is the cache's and has not been regenerated, and that logins with access keys are switched on there; better, log in with an identity.",
    commands: {
      managedRedis: [
        "az redisenterprise database list-keys -g RG --cluster-name {cacheName|CACHE}",
        "az redisenterprise database show -g RG --cluster-name {cacheName|CACHE} --query accessKeysAuthentication",
      ],
      cacheForRedis: [
        "az redis list-keys -g RG -n {cacheName|CACHE}",
        "az redis show -g RG -n {cacheName|CACHE} --query disableAccessKeyAuthentication",
      ],
    },
    isRetryable: true,
  },
  {
    id: "username-is-client-id",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [
      { fact: "username", equals: "clientId" },
      { fact: "username", differsFrom: "objectId" },
    ],
    meaning: "the user name {username} is the client ID of the identity, whose object ID is {objectId}",
    remedy: "Leave `username` out, or set it to the object ID {objectId}.",
  },
  {
    id: "username-not-object-id",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [{ fact: "username", differsFrom: "objectId" }],
    meaning: "the user name {username} is not the object ID of the token, which is {objectId}",
    remedy:
      "Leave `username` out, or set it to the object ID {objectId}; an application registration has an object ID of its own, which is another one.",
  },
  {
    id: "token-expired-at-login",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [{ fact: "isTokenExpired", is: true }],
    meaning: "the token had ended before the cache examined it",
    remedy:
      "Check this machine's clock and the identity provider, which has handed out a token that had ended, or too late a one.",
    isRetryable: true,
  },
  {
    id: "token-for-other-audience",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [{ fact: "audience", matches: NOT_FOR_REDIS }],
    certainty: "likely",
    meaning: "the token is meant for {audience}, not for Redis",
    remedy: "Request the token with the scope {scope|https://redis.azure.com/.default}.",
    alternatives: ["access-policy-missing", "entra-id-disabled"],
  },
  {
    id: "entra-id-over-plaintext",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [
      { fact: "isEncrypted", is: false },
      { fact: "login", is: "entraId" },
    ],
    certainty: "likely",
    meaning: "Azure refuses logins with Microsoft Entra ID on connections without TLS",
    remedy:
      "Connect with TLS: port 10000 on Azure Managed Redis, port 6380 on Azure Cache for Redis, and `rediss://` in an address.",
    alternatives: ["access-policy-missing", "entra-id-disabled"],
  },
  {
    id: "access-policy-missing",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    certainty: "likely",
    certainGiven: [{ fact: "otherIdentityAccepted", isKnown: true }],
    meaning:
      "nothing is wrong with the token that can be seen from here, so the cache does not know its owner",
    remedy:
      "Give object ID {objectId|of the token} an access policy on {host|the cache}, and check that Microsoft Entra authentication is switched on there.",
    commands: ASSIGN,
    alternatives: [
      "control-plane-role",
      "application-object-id",
      "group-assigned",
      "entra-id-disabled",
      "cache-in-other-tenant",
    ],
    isRetryable: true,
  },
  {
    id: "entra-id-disabled",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [],
    given: [{ fact: "otherIdentityAccepted", isKnown: false }],
    meaning: "Microsoft Entra authentication is switched off on the cache",
    remedy:
      "Switch Microsoft Entra authentication on in the cache's settings, under Authentication; on Azure Cache for Redis this restarts its nodes.",
    commands: {
      managedRedis: ["az redisenterprise test-connection -g RG --name {cacheName|CACHE} --auth entra"],
      cacheForRedis: ["az redis show -g RG -n {cacheName|CACHE} --query redisConfiguration"],
    },
  },
  {
    id: "cache-in-other-tenant",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [],
    given: [{ fact: "otherIdentityAccepted", isKnown: false }],
    meaning: "the cache belongs to another tenant than the token{', which is of tenant 'tenantId}",
    remedy: "Log in to the tenant of the cache's subscription.",
    commands: { any: ["az account show --query tenantId"] },
  },
  {
    id: "control-plane-role",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [],
    meaning:
      "the identity has a role such as Redis Cache Contributor, which lets it manage the cache, and no access policy, which would let it log in",
    remedy:
      "Give the identity an access policy in the cache's data access configuration; roles under Access control (IAM) give no access to data.",
    commands: ASSIGN,
  },
  {
    id: "application-object-id",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [],
    given: [
      { fact: "identityType", is: "app" },
      { fact: "resourceId", isKnown: false },
    ],
    meaning:
      "the access policy was given to the object ID of the application registration, where that of the service principal is needed{', which is 'objectId}",
    remedy:
      "Give the access policy to the object ID that the portal shows under Enterprise applications{': 'objectId}.",
    commands: { any: ["az ad sp show --id {clientId|CLIENT_ID} --query id"] },
  },
  {
    id: "group-assigned",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [],
    given: [{ fact: "identityType", is: "user" }],
    meaning: "the access policy was given to a group, and groups cannot log in",
    remedy: "Give the access policy to object ID {objectId|of the token} itself.",
    commands: ASSIGN,
  },
];

/** What an access policy does not allow. */
const PERMISSION_RULES: readonly Rule[] = [
  {
    id: "command-not-permitted",
    code: "ERR_PASSWORDLESS_PERMISSION_DENIED",
    when: [{ reply: /permissions? to run the '|script can't run this command|NOPERM.*\bcommand\b/i }],
    meaning: "the access policy{' of 'username} does not allow {command|this command}",
    remedy:
      "Add `+{command|command}` to the access policy; built-in policies that allow it: {policiesWithCommand}.",
    commands: SHOW_ASSIGNMENTS,
  },
  {
    id: "channel-not-permitted",
    code: "ERR_PASSWORDLESS_PERMISSION_DENIED",
    when: [{ reply: /permissions? to access (?:a channel|one of the channels|the '.*' channel)/i }],
    meaning: "the access policy{' of 'username} does not cover {channel|this channel}",
    remedy:
      "Add `&{channel|pattern}` to the access policy; of the built-in ones, Data Owner and Data Contributor cover all channels.",
    commands: SHOW_ASSIGNMENTS,
  },
  {
    id: "key-not-permitted",
    code: "ERR_PASSWORDLESS_PERMISSION_DENIED",
    when: [
      {
        reply:
          /permissions? to access (?:a key|one of the keys|the '.*' key)|can't access at least one of the keys/i,
      },
    ],
    meaning: "the access policy{' of 'username} does not cover {key|this key}",
    remedy:
      "Add `~{key|pattern}` to the access policy, or use keys that it covers; the built-in policies cover all keys.",
    commands: SHOW_ASSIGNMENTS,
  },
];

/** What one kind of client or product cannot do. */
const COMMAND_RULES: readonly Rule[] = [
  {
    id: "authentication-required",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /\bNOAUTH\b|Authentication required/i }],
    meaning: "nobody has logged in on this connection",
    remedy:
      "Make the client with `azureRedis()` or `passwordless()`, or `attach` it, and let the library log in: no `AUTH` or `RESET` of your own.",
  },
  {
    id: "cluster-redirects-endlessly",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /Too many Cluster redirections/i }],
    certainty: "likely",
    meaning: "nodes of the cluster kept sending the command to each other, as they may during a failover",
    remedy:
      "Repeat the command; if it goes on, check that an address map of yours leads the address of each node to that node.",
    isRetryable: true,
  },
  {
    id: "moved",
    code: "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH",
    when: [{ reply: /\b(?:MOVED|ASK) \d+ \S/ }, { library: "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH" }],
    given: [{ fact: "topology", is: "cluster" }],
    meaning: "{host|the cache} is an OSS cluster, and was used with a client for one server",
    remedy:
      "Use a cluster client: `createCluster(azureRedisCluster())` with node-redis, `azureRedis(Cluster)` with ioredis.",
    commands: {
      managedRedis: [
        "az redisenterprise database show -g RG --cluster-name {cacheName|CACHE} --query clusteringPolicy",
      ],
    },
  },
  {
    id: "cluster-client-on-single-server",
    code: "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH",
    when: [{ reply: /cluster support disabled/i }, { library: "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH" }],
    given: [{ fact: "topology", is: "single" }],
    meaning: "{host|the cache} is one endpoint for all keys, and was used with a cluster client",
    remedy:
      "Use a client for one server: `createClient(azureRedis())` with node-redis, `azureRedis(Redis)` with ioredis.",
    commands: {
      managedRedis: [
        "az redisenterprise database show -g RG --cluster-name {cacheName|CACHE} --query clusteringPolicy",
      ],
    },
  },
  {
    id: "keys-in-different-slots",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /CROSSSLOT|same slots? allocation group|belong to the same slot/i }],
    meaning: "the keys of one command, transaction or script are in different slots of the cluster",
    remedy:
      "Give keys that belong together the same hash tag, such as `user:1` in braces before `:name` and `:mail`, or send one command for each.",
  },
  {
    id: "database-not-available",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /DB index is out of range|SELECT is not allowed|unknown command [`'"]?select\b/i }],
    meaning: "the cache has no such database: Azure Managed Redis, like any cluster, has database 0 only",
    remedy:
      "Use database 0 (`database` with node-redis, `db` with ioredis), and tell keys apart by a prefix.",
  },
  {
    id: "command-blocked",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /unknown (?:sub)?command/i }],
    given: [
      {
        fact: "command",
        matches:
          /^(?:reset|readonly|readwrite|role|move|psync|sync|replicaof|slaveof|replconf|save|bgsave|bgrewriteaof|shutdown|config|debug|migrate|acl|module|cluster|latency|memory|monitor|swapdb|flushall|flushdb|client\|\S+)$/i,
      },
    ],
    certainty: "likely",
    certainGiven: [{ fact: "product", matches: /^(?:managedRedis|cacheForRedis)$/ }],
    meaning: "Azure blocks {command}, and answers as if the command did not exist",
    remedy: "Do without {command}: no access policy brings it back.",
    alternatives: ["command-unknown"],
  },
  {
    id: "command-unknown",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /unknown (?:sub)?command/i }],
    meaning: "the server does not know {command|this command}: it belongs to another version or to a module",
    remedy: "Check the spelling of {command|the command}, the version of the server and its modules.",
  },
];

/** What state the server is in. */
const STATE_RULES: readonly Rule[] = [
  {
    id: "max-clients",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ reply: /max(?:imum)? number of clients/i }],
    meaning: "{host|the cache} has as many connections as its size allows",
    remedy:
      "Share clients instead of making one for each request, close those that nobody uses, or choose a larger size.",
    isRetryable: true,
  },
  {
    id: "server-loading",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /\bLOADING\b.*(?:loading|dataset|memory)|is loading the dataset/i }],
    meaning: "{host|the server} has just started, and reads its data into memory",
    remedy: "Wait until it has loaded: clients that reconnect go on by themselves.",
    isRetryable: true,
  },
  {
    id: "replica-is-read-only",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /READONLY You can't write|against a read.?only replica/i }],
    meaning: "a write has reached a replica, as it may for a moment during a failover",
    remedy:
      "Connect anew, so that the client finds the new primary; and send no writes where replicas are read.",
    isRetryable: true,
  },
  {
    id: "cluster-down",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /CLUSTERDOWN|MASTERDOWN/ }],
    meaning: "a part of the cluster has no primary at the moment",
    remedy: "Wait for the failover, which takes up to 15 seconds, and repeat the command.",
    isRetryable: true,
  },
  {
    id: "out-of-memory",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /\bOOM command not allowed|used memory > 'maxmemory'/ }],
    meaning: "the cache is full, and its eviction policy lets it throw away nothing",
    remedy: "Give keys an expiry, choose an eviction policy that allows it, or a larger size.",
  },
  {
    id: "server-busy",
    code: "ERR_PASSWORDLESS_COMMAND_REFUSED",
    when: [{ reply: /\bBUSY\b.*(?:running a script|script)|busy running a script/i }],
    meaning: "a script has been running for seconds, and nobody else is served",
    remedy: "End it with `SCRIPT KILL` where that is allowed, and make the script shorter.",
    isRetryable: true,
  },
  {
    id: "reply-not-redis",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ reply: /HTTP\/\d\.\d \d{3}|not Redis protocol|Unknown RESP type|as reply type byte/i }],
    meaning: "whoever listens at {host|that address}{':'port} does not speak Redis's protocol",
    remedy:
      "Check host and port: Redis is at port 10000 of Azure Managed Redis, 6380 of Azure Cache for Redis, and a web server or proxy is not.",
  },
];

/** What a Redis server answers. */
export const REDIS_RULES: readonly Rule[] = [
  ...LOGIN_RULES,
  ...PERMISSION_RULES,
  ...COMMAND_RULES,
  ...STATE_RULES,
];
