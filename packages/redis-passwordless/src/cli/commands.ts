import type { Command } from "./flag.js";
import { PROXY, SHUTDOWN, WAIT } from "./proxy-commands.js";
import { AUTHORITY_FLAGS, IDENTITY_FLAGS, SERVER_FLAGS, VERBOSE_FLAG } from "./shared-flags.js";

const DOCTOR = {
  name: "doctor",
  summary: "finds out why this process cannot log in to the cache, and what to do",
  argument: "endpoint",
  flags: {
    json: { text: "the report as one JSON document; with --watch, one JSON object per line" },
    "read-only": { text: "writes and publishes nothing" },
    "key-prefix": { value: "TEXT", text: "what the scratch key and channel begin with" },
    timeout: { value: "SECONDS", text: "for all steps together, 1 to 600", default: "15" },
    pings: { value: "N", text: "round trips to measure, 1 to 10000", default: "50" },
    "all-identities": { text: "tries every identity that is available here, side by side" },
    watch: { text: "stays until a new token is on the connection and the old one has ended" },
    ...SERVER_FLAGS,
    ...IDENTITY_FLAGS,
    ...AUTHORITY_FLAGS,
    ...VERBOSE_FLAG,
  },
  exclusive: [
    ["all-identities", "watch"],
    ...Object.keys(IDENTITY_FLAGS).map((flag) => ["all-identities", flag]),
    ["client-id", "object-id", "resource-id"],
    ["certificate", "federated-token-file"],
  ],
  examples: [
    {
      why: "from inside the workload, with its own identity",
      lines: [
        "redis-passwordless doctor my-cache.westus3.redis.azure.net",
        "kubectl exec deploy/my-app -- npx redis-passwordless doctor my-cache.westus3.redis.azure.net",
      ],
    },
    {
      why: "as one identity, or as all that are there",
      lines: [
        "redis-passwordless doctor --identity managed-identity --client-id GUID my-cache.westus3.redis.azure.net",
        "redis-passwordless doctor --all-identities my-cache.westus3.redis.azure.net",
      ],
    },
    {
      why: "in a pipeline: exit code 1 when something is wrong",
      lines: ["redis-passwordless doctor --json --read-only > doctor.json"],
    },
  ],
} as const satisfies Command;

const TOKEN = {
  name: "token",
  summary: "shows whose token this process gets, prints it, or keeps it in a file",
  flags: {
    json: { text: "claims and identity as JSON; with --watch, one JSON object per token and line" },
    raw: { text: "prints the token, and nothing else" },
    username: { text: "prints the Redis user name (the token's oid), and nothing else" },
    file: {
      value: "PATH",
      text: "writes the token to PATH and what it is to PATH.json, both for this user only",
    },
    watch: { text: "keeps --file fresh until it is stopped" },
    timeout: { value: "SECONDS", text: "for one token, 1 to 600; not with --watch", default: "15" },
    ...SERVER_FLAGS,
    ...IDENTITY_FLAGS,
    ...AUTHORITY_FLAGS,
    ...VERBOSE_FLAG,
  },
  exclusive: [
    ["raw", "json", "username"],
    ["raw", "file"],
    ["username", "watch"],
    ["timeout", "watch"],
    ["client-id", "object-id", "resource-id"],
    ["certificate", "federated-token-file"],
  ],
  examples: [
    {
      why: "log in with redis-cli",
      lines: [
        'export REDISCLI_AUTH="$(redis-passwordless token --raw)"',
        'redis-cli -h my-cache.westus3.redis.azure.net -p 10000 --tls --user "$(redis-passwordless token --username)"',
      ],
    },
    {
      why: "the same where the shell's history and `ps` are nobody else's business",
      lines: [
        'redis-cli -h my-cache.westus3.redis.azure.net -p 10000 --tls --user "$(redis-passwordless token --username)" --pass "$(redis-passwordless token --raw)"',
      ],
    },
    {
      why: "for a program that reads its password from a file: once in an init container, then beside it in a sidecar",
      lines: [
        "redis-passwordless token --file /run/redis/token",
        "redis-passwordless token --watch --file /run/redis/token",
        'REDISCLI_AUTH="$(cat /run/redis/token)" redis-cli --tls -h HOST -p 10000 --user "$(jq -r .username /run/redis/token.json)"',
      ],
    },
  ],
} as const satisfies Command;

/** Every command. What it does is in a module of its own, which is loaded when it runs. */
export const COMMANDS: readonly Command[] = [DOCTOR, TOKEN, PROXY, WAIT, SHUTDOWN];
