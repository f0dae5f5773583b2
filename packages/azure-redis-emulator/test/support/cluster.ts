import { createClient } from "redis";
import { expect } from "vitest";
import type { Emulator, RedisNode } from "../../src/index.js";
import { RawClient } from "./raw-client.js";
import { connectRedis } from "./redis.js";

/** An entry of `CLUSTER SLOTS`: first slot, last slot, master, replicas. */
type Node = [host: string, port: number, id: string];
type SlotRange = [first: number, last: number, ...nodes: Node[]];

export const OK = "+OK\r\n";

export function address({ announced }: RedisNode): string {
  return `${announced.host}:${announced.port}`;
}

/** Runs a command on a real server, past its gateway. */
export async function onServer({ backendUrl }: RedisNode, ...command: string[]): Promise<unknown> {
  const server = await createClient({ url: backendUrl }).connect();
  try {
    return await server.sendCommand(command);
  } finally {
    server.destroy();
  }
}

/** The masters that `CLUSTER SLOTS` of a node has, each with its replicas, as `host:port`. */
export async function shardsSeenBy(azure: Emulator, { port }: RedisNode): Promise<string[][]> {
  const client = await connectRedis(azure, azure.systemIdentity, undefined, port);
  const ranges = await client.sendCommand<SlotRange[]>(["CLUSTER", "SLOTS"]);
  client.destroy();
  return ranges
    .sort(([a], [b]) => a - b)
    .map(([, , ...nodes]) => nodes.map(([host, nodePort]) => `${host}:${nodePort}`));
}

export async function logIn(azure: Emulator, { port }: RedisNode, objectId = azure.userIdentity.objectId) {
  const client = await RawClient.connect({ port, ca: azure.caCertificate });
  expect(await client.call("AUTH", objectId, await azure.issueToken(objectId))).toBe(OK);
  return client;
}
