import type { Command, Flags } from "./flag.js";
import { AUTHORITY_FLAGS, IDENTITY_FLAGS, SERVER_FLAGS, VERBOSE_FLAG } from "./shared-flags.js";

/** Where an instance listens. */
const ADDRESS_FLAGS = {
  listen: {
    value: "[HOST:]PORT",
    text: "where clients connect to; further instances count up from there",
    default: "127.0.0.1:6379",
  },
  "unix-socket": { value: "PATH", text: "a Unix socket to listen on, of a single instance" },
  "unix-socket-mode": { value: "MODE", text: "permissions of the socket, in octal", default: "0600" },
} as const satisfies Flags;

/** How an instance treats its clients. */
const CLIENT_FLAGS = {
  "require-pass-file": {
    value: "FILE",
    text: "clients have to log in with the password in FILE",
    default: "everybody who can connect is let in",
  },
  "max-clients": { value: "N", text: "clients of one instance at the same time", default: "no limit" },
  "connect-timeout": {
    value: "SECONDS",
    text: "for TCP, TLS and login together, 0.1 to 300",
    default: "10",
  },
  pool: {
    value: "N",
    text: "all clients of a server share N connections, 1 to 1000",
    default: "each client has its own",
  },
  "single-endpoint": { text: "offers a cluster to clients that know of none, as one server" },
  "node-ports": {
    value: "FIRST-LAST",
    text: "local ports for the nodes of a cluster",
    default: "free ones",
  },
} as const satisfies Flags;

/** Flags that an instance may have for itself: behind commas, and in the list of the file. */
const OWN_FLAGS = {
  ...ADDRESS_FLAGS,
  ...CLIENT_FLAGS,
  ...SERVER_FLAGS,
  ...IDENTITY_FLAGS,
  ...AUTHORITY_FLAGS,
};

export const INSTANCE_SETTINGS: readonly string[] = ["name", ...Object.keys(OWN_FLAGS)];
/** Those that may have several values. */
export const LIST_SETTINGS: readonly string[] = ["listen"];
/** Those of which an instance that names its identity takes none from elsewhere. */
export const IDENTITY_SETTINGS: readonly string[] = Object.keys(IDENTITY_FLAGS);

export const PROXY = {
  name: "proxy",
  summary: "gives every program on this machine a Redis that needs no password",
  argument: "instances",
  takesSeveral: true,
  flags: {
    instances: {
      value: "INSTANCE ...",
      text: "the caches, each as [NAME=]HOST[:PORT][,FLAG=VALUE...], behind spaces; also as arguments",
      default: "--endpoint",
    },
    ...ADDRESS_FLAGS,
    ...CLIENT_FLAGS,
    config: { value: "FILE", text: "settings in YAML or JSON, with the names of these flags" },
    workers: { value: "N", text: "processes that share the work, 1 to 64", default: "1" },
    "http-address": {
      value: "[HOST:]PORT",
      text: "health checks, metrics and the admin page",
      default: "none",
    },
    "http-allow-host": {
      value: "NAME,...",
      text: "names by which --http-address may be asked besides localhost and addresses",
      default: "none",
    },
    quitquitquit: { text: "a POST to /quitquitquit of --http-address ends the proxy" },
    "run-connection-test": { text: "connects once to every cache at the start, and fails if it cannot" },
    "min-drain": {
      value: "SECONDS",
      text: "after SIGTERM, new clients are still let in for so long",
      default: "0",
    },
    "max-drain": {
      value: "SECONDS",
      text: "after SIGTERM, clients have so long to finish",
      default: "25",
    },
    "exit-zero-on-sigterm": { text: "exit code 0 after SIGTERM and Ctrl-C" },
    "log-format": { value: "FORMAT", text: "text or json", default: "text" },
    "log-level": { value: "LEVEL", text: "debug, info, warn or error", default: "info" },
    quiet: { text: "only errors, as --log-level error" },
    ...SERVER_FLAGS,
    ...IDENTITY_FLAGS,
    ...AUTHORITY_FLAGS,
    ...VERBOSE_FLAG,
  },
  exclusive: [
    ["instances", "endpoint"],
    ["quiet", "verbose", "log-level"],
    ["client-id", "object-id", "resource-id"],
    ["certificate", "federated-token-file"],
  ],
  examples: [
    {
      why: "then `redis-cli` and every program that connects to 127.0.0.1:6379 are in the cache",
      lines: ["redis-passwordless proxy my-cache.westus3.redis.azure.net"],
    },
    {
      why: "two caches, each where it is told",
      lines: [
        "redis-passwordless proxy my-cache.westus3.redis.azure.net,listen=6400 jobs=jobs.redis.cache.windows.net,unix-socket=/run/jobs.sock",
      ],
    },
    {
      why: "a cluster for programs that know of none",
      lines: ["redis-passwordless proxy --single-endpoint my-cache.westus3.redis.azure.net"],
    },
    {
      why: "as a sidecar: health checks, and a JSON object per line of the log",
      lines: [
        "redis-passwordless proxy --http-address 0.0.0.0:9091 --log-format json --config /etc/redis-passwordless/proxy.yaml",
      ],
    },
  ],
} as const satisfies Command;

const STATUS_SERVER = {
  "http-address": { value: "[HOST:]PORT", text: "the --http-address of the proxy" },
} as const satisfies Flags;

export const WAIT = {
  name: "wait",
  summary: "waits until a proxy can be used",
  flags: {
    ...STATUS_SERVER,
    max: { value: "SECONDS", text: "how long, 0 to 3600", default: "30" },
  },
  exclusive: [],
  examples: [
    {
      why: "the program starts when its proxy is there",
      lines: ["redis-passwordless wait --http-address 9091 --max 60 && exec my-program"],
    },
  ],
} as const satisfies Command;

export const SHUTDOWN = {
  name: "shutdown",
  summary: "ends a proxy that was started with --quitquitquit",
  flags: STATUS_SERVER,
  exclusive: [],
  examples: [
    {
      why: "at the end of a job, so that its sidecar ends with it",
      lines: ["my-job; code=$?; redis-passwordless shutdown --http-address 9091; exit $code"],
    },
  ],
} as const satisfies Command;
