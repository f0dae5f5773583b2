import { setInterval } from "node:timers/promises";
import { RedisProcess, randomPassword, type TestContext } from "./redis-processes.js";

const SLOTS = 16_384;

/** A real cluster of masters on loopback, which ends with the test. */
export class RedisCluster {
  readonly nodes: RedisProcess[];
  readonly #password: string;
  readonly #test: TestContext;

  private constructor(test: TestContext, password: string, nodes: RedisProcess[]) {
    this.#test = test;
    this.#password = password;
    this.nodes = nodes;
  }

  /** Starts the nodes, shares the slots among them, and resolves when all of them say that the cluster is up. */
  static async start(test: TestContext, size: number): Promise<RedisCluster> {
    const password = randomPassword();
    const nodes = await Promise.all(Array.from({ length: size }, () => startNode(test, password)));
    const cluster = new RedisCluster(test, password, nodes);
    await Promise.all(
      nodes.map((node, index) => {
        const from = Math.floor((SLOTS * index) / size);
        const to = Math.floor((SLOTS * (index + 1)) / size) - 1;
        return node.command("CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
      }),
    );
    for (const node of nodes.slice(1)) await cluster.#introduce(node);
    await Promise.all(nodes.map((node) => node.logged(/Cluster state changed: ok/)));
    return cluster;
  }

  get rootNodes(): { socket: { host: string; port: number } }[] {
    return this.nodes.map(({ host, port }) => ({ socket: { host, port } }));
  }

  /** Starts another node and resolves when all nodes know each other. It has no slots yet. */
  async join(): Promise<RedisProcess> {
    const node = await startNode(this.#test, this.#password);
    await this.#introduce(node);
    await node.logged(/Cluster state changed: ok/);
    const id = String(await node.command("CLUSTER", "MYID"));
    await Promise.all(this.nodes.map((other) => knows(other, id)));
    this.nodes.push(node);
    return node;
  }

  /** Gives a slot that has no keys to a node; everybody is told at once. */
  async moveSlot(slot: number, to: RedisProcess): Promise<void> {
    const id = String(await to.command("CLUSTER", "MYID"));
    // The new owner first: until it knows, it would send the clients back.
    for (const node of [to, ...this.nodes.filter((other) => other !== to)]) {
      await node.command("CLUSTER", "SETSLOT", String(slot), "NODE", id);
    }
  }

  async #introduce(node: RedisProcess): Promise<void> {
    const [first] = this.nodes;
    if (first === undefined) throw new Error("A cluster has at least one node");
    await node.command("CLUSTER", "MEET", first.host, String(first.port));
  }
}

function startNode(test: TestContext, password: string): Promise<RedisProcess> {
  return RedisProcess.start(test, { password, config: ["cluster-enabled yes", "cluster-node-timeout 5000"] });
}

/** Resolves when a node has heard of another; the nodes gossip several times a second. */
async function knows(node: RedisProcess, id: string): Promise<void> {
  for await (const _ of setInterval(20)) {
    if (String(await node.command("CLUSTER", "NODES")).includes(id)) return;
  }
}
