import type { Emulator, Identity } from "azure-redis-emulator";
import { createClient } from "redis";
import type { Machine } from "../machine.js";
import type { SetUp } from "./set-up.js";

const unassigned = (azure: Emulator): Identity => azure.addServicePrincipal({ accessPolicy: null });

/** Runs commands past the gateway, at the server of one node. */
async function administer(azure: Emulator, node: number, ...commands: string[][]): Promise<void> {
  const { backendUrl } = azure.redis.nodes[node]!;
  const client = createClient({ url: backendUrl });
  client.on("error", () => undefined);
  await client.connect();
  try {
    for (const command of commands) await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Does it now, and the reverse when the doctor is done. */
async function meanwhile(machine: Machine, command: string[], undo: string[], node = 0): Promise<void> {
  machine.onClose(() => administer(machine.azure, node, undo));
  await administer(machine.azure, node, command);
}

/** Keeps the server busy until it is told to stop. */
async function endlessScript(machine: Machine): Promise<void> {
  const { backendUrl } = machine.azure.redis;
  const busy = createClient({ url: backendUrl, socket: { reconnectStrategy: false } });
  busy.on("error", () => undefined);
  await busy.connect();
  busy.sendCommand(["EVAL", "while true do end", "0"]).catch(() => undefined);
  // It is told over a connection that is there already, as is every answer that it is busy.
  const watcher = createClient({ url: backendUrl, socket: { reconnectStrategy: false } });
  machine.onClose(async () => {
    await watcher.sendCommand(["SCRIPT", "KILL"]);
    watcher.destroy();
    busy.destroy();
  });
  watcher.on("error", () => undefined);
  await watcher.connect().catch(() => undefined);
}

/** Waits for what node 0 thinks of its cluster. */
async function untilClusterIs(state: "ok" | "fail", { redis }: Emulator): Promise<void> {
  const client = createClient({ url: redis.nodes[0]!.backendUrl });
  client.on("error", () => undefined);
  await client.connect();
  let info = "";
  while (!info.includes(`cluster_state:${state}`))
    info = await client.sendCommand<string>(["CLUSTER", "INFO"]);
  client.destroy();
}

const withKey = (machine: Machine, key: string) => {
  const { host, port } = machine.azure.redis;
  const AZURE_REDIS_CONNECTIONSTRING = `rediss://:${encodeURIComponent(key)}@${host}:${port}/0`;
  return { args: [], env: machine.env(undefined, { AZURE_REDIS_CONNECTIONSTRING }) };
};

const KEY = "b3V0ZGF0ZWQga2V5IG9mIGEgY2FjaGUgdGhhdCBpcyBubyBtb3JlPQ==";

/** What the cache does not let in, or does not let do. */
export const REDIS_SET_UPS: readonly SetUp[] = [
  {
    name: "an application without an access policy",
    prepare: (machine, azure) => machine.start(unassigned(azure)),
    expected: {
      rule: "access-policy-missing",
      certainty: "likely",
      alternatives: [
        "entra-id-disabled",
        "cache-in-other-tenant",
        "control-plane-role",
        "application-object-id",
      ],
    },
  },
  {
    name: "a managed identity without an access policy",
    async prepare(machine, azure) {
      const identity = azure.addManagedIdentity({ kind: "user", accessPolicy: null });
      return machine.start(identity);
    },
    expected: {
      rule: "access-policy-missing",
      certainty: "likely",
      alternatives: ["entra-id-disabled", "control-plane-role"],
    },
  },
  {
    name: "an identity without an access policy on a cluster",
    cache: "cluster",
    prepare: (machine, azure) => machine.start(unassigned(azure)),
    expected: { rule: "access-policy-missing", certainty: "likely" },
  },
  {
    name: "a cache on which Entra ID is switched off",
    prepare(machine, azure) {
      azure.redis.setEntraId(false);
      return machine.start(azure.servicePrincipal);
    },
    expected: {
      // One refusal cannot be told from the other.
      rule: "access-policy-missing",
      certainty: "likely",
      alternatives: ["entra-id-disabled"],
      equallyTrue: { "entra-id-disabled": "that is what it is" },
    },
  },
  {
    name: "an access key that has been replaced",
    prepare: (machine) => withKey(machine, KEY),
    expected: { rule: "access-key-refused" },
  },
  {
    name: "an access key at a cache that takes none",
    cache: "enterprise",
    prepare: (machine) => withKey(machine, KEY),
    expected: { rule: "access-key-refused" },
  },
  {
    name: "a policy that allows neither reading nor writing",
    async prepare(machine, azure) {
      const identity = azure.addServicePrincipal({ accessPolicy: "+@connection ~*" });
      return machine.start(identity);
    },
    expected: { rule: "command-not-permitted", severity: "warning" },
  },
  {
    name: "a policy that does not allow the keys which somebody names",
    prepare(machine, azure) {
      const { args, env } = machine.start(azure.addServicePrincipal({ accessPolicy: "+@all ~cache:*" }));
      return { args: [...args, "--key-prefix", "cart:"], env };
    },
    expected: { rule: "key-not-permitted", severity: "warning" },
  },
  {
    name: "as many clients as the server takes",
    async prepare(machine, azure) {
      azure.redis.setMaxClients(0);
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "max-clients", certainty: "certain" },
  },
  {
    name: "a server whose memory is full",
    async prepare(machine, azure) {
      await meanwhile(machine, ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]);
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "out-of-memory" },
  },
  {
    name: "a replica in the place of the master",
    async prepare(machine, azure) {
      await meanwhile(machine, ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]);
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "replica-is-read-only" },
  },
  {
    name: "a script that does not end",
    async prepare(machine, azure) {
      await administer(azure, 0, ["CONFIG", "SET", "busy-reply-threshold", "1"]);
      await endlessScript(machine);
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "server-busy" },
  },
  {
    name: "a cluster in which nobody has some of the slots",
    cache: "cluster",
    async prepare(machine, azure) {
      // What is registered last is done first: the slot, then the wait.
      machine.onClose(() => untilClusterIs("ok", azure));
      await meanwhile(machine, ["CLUSTER", "DELSLOTS", "0"], ["CLUSTER", "ADDSLOTS", "0"]);
      await untilClusterIs("fail", azure);
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "cluster-down" },
  },
  {
    name: "an address that asks for a connection without TLS",
    prepare: (machine, azure) => ({
      args: [`redis://localhost:${azure.redis.plaintextPort}`],
      env: machine.env(azure.servicePrincipal),
    }),
    expected: {
      rule: "entra-id-over-plaintext",
      equallyTrue: { err_passwordless_plaintext_refused: "the library refuses it before the server does" },
    },
  },
  {
    name: "a login that nobody answers",
    prepare(machine, azure) {
      azure.redis.injectFault({ kind: "hang" });
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "server-silent" },
  },
  {
    name: "a login at which the connection is cut",
    prepare(machine, azure) {
      azure.redis.injectFault({ kind: "close" });
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "connection-cut" },
  },
  {
    name: "a node of a cluster that shows a certificate for another name",
    cache: "cluster",
    async prepare(machine, azure) {
      await azure.redis.useCertificate(1, { names: ["other.example"] });
      return machine.start(azure.systemIdentity);
    },
    expected: {
      rule: "certificate-name-mismatch",
      equallyTrue: { "node-address-not-covered": "it is a node, and its certificate covers another name" },
      says: /other\.example/,
    },
  },
  {
    name: "a firewall that lets the endpoint through and not the port of a node",
    cache: "cluster",
    prepare(machine, azure) {
      azure.redis.injectConnectionFault({ kind: "reset" }, { node: 2 });
      return machine.start(azure.systemIdentity);
    },
    expected: {
      rule: "node-port-blocked",
      equallyTrue: {
        "tls-handshake-cut": "what a firewall does that looks into the connection",
        "connection-cut": "the same",
      },
    },
  },
];
