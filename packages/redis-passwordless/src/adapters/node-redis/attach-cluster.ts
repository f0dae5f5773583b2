import type { Clock } from "../../core/clock.js";
import { ChannelSubscriptions } from "./channel-subscriptions.js";
import { type ClusterCore, coreOf, type NodeClient } from "./cluster-core.js";
import { retryUnsent } from "./cluster-retries.js";
import { ReplacedNodes } from "./replaced-nodes.js";
import { ShardedSubscriptions } from "./sharded-subscriptions.js";

/** How long a node may be unreachable before the others are asked who has taken its place, in milliseconds. */
const UNREACHABLE_MS = 500;

/** What lasts longer, in milliseconds, is no failover: then it is asked less often, as each time costs a connection. */
const FAILOVER_MS = 60_000;
const LONG_OUTAGE_INTERVAL_MS = 10_000;

/** After so long, in milliseconds, a look at the slots waits for a node that cannot be reached: nobody else may look then. */
const STUCK_MS = 2_000;

const ATTACHED = Symbol.for("redis-passwordless.attached");

/** The part of a cluster that is used here; public members of node-redis 5.12 and 6. */
export interface AttachableCluster {
  on(event: string, listener: () => void): unknown;
}

/**
 * Lets a cluster of node-redis survive failovers without rejecting what has not been sent.
 *
 * - It finds the node that has taken the place of a dead one. By itself node-redis 5 tries to reach the dead one for
 *   ever: it reads the slots anew only when a node that is alive answers with MOVED. node-redis 6 does this by itself
 *   (`topologyRefreshOnReconnectionAttemptStrategy`), and is none the worse for it.
 * - Commands that wait for a node that is replaced go to its successor; node-redis rejects them.
 * - Commands that the cluster has refused to carry out for now are sent again, and so are those that only read when
 *   their connection breaks.
 * - `connect()` waits for the successor of a node that is gone, instead of for the node, for ever.
 * - Sharded subscriptions of node-redis 5 go to the new node.
 *
 * A write that was on its way when its connection broke is rejected as before: nobody knows whether it was carried out.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED`
 */
export function attachToCluster(cluster: AttachableCluster, clock: Clock): void {
  const core = coreOf(cluster);
  if (Object.hasOwn(core, ATTACHED)) return;
  Object.defineProperty(core, ATTACHED, { value: true });
  const { duplicate } = core;
  core.duplicate = function (this: unknown, ...args) {
    const copy = duplicate.apply(this, args);
    attachToCluster(copy as AttachableCluster, clock);
    return copy;
  };
  retryUnsent(core, clock);
  keepWhatIsReplaced(cluster, core, clock);
  connectToSuccessors(cluster, core);
  watchNodes(cluster, core, clock);
}

/** Whether this is the result of `createCluster`. */
export function isCluster(client: object): client is AttachableCluster {
  return "masters" in client && "replicas" in client;
}

/** Whenever node-redis reads the slots anew, it destroys the clients of the nodes that have lost theirs. */
function keepWhatIsReplaced(cluster: AttachableCluster, core: ClusterCore, clock: Clock): void {
  const replaced = new ReplacedNodes(core, clock);
  const sharded = new ShardedSubscriptions(core, clock);
  const channels = new ChannelSubscriptions(core, clock);
  const slots = core._slots;
  const { rediscover } = slots;
  slots.rediscover = async (...args) => {
    replaced.guardAll();
    const subscriptions = sharded.remember();
    const release = channels.hold();
    try {
      await rediscover.apply(slots, args);
    } finally {
      release();
      sharded.restore(subscriptions);
    }
  };
  cluster.on("node-ready", () => {
    replaced.guardAll();
    sharded.followAll();
  });
}

/** node-redis ends the first `connect()` when a node that it waited for is replaced. */
function connectToSuccessors(cluster: AttachableCluster, core: ClusterCore): void {
  let [rediscoveries, ends] = [0, 0];
  const slots = core._slots;
  const { connect, rediscover } = slots;
  slots.rediscover = async (...args) => {
    await rediscover.apply(slots, args);
    rediscoveries += 1;
  };
  slots.connect = async () => {
    for (;;) {
      const before = { rediscoveries, ends };
      try {
        return await connect.call(slots);
      } catch (error) {
        const wasReplaced = rediscoveries > before.rediscoveries;
        const wasEnded = ends > before.ends;
        if (!wasReplaced || wasEnded) throw error;
      }
    }
  };
  cluster.on("disconnect", () => {
    ends += 1;
  });
}

/** Reads the slots anew, again and again, for as long as there is a node that cannot be reached. */
function watchNodes(cluster: AttachableCluster, core: ClusterCore, clock: Clock): void {
  let isWatching = false;
  let lostAtMs = 0;
  let lost: readonly unknown[] = [];
  let waiting: Disposable | undefined;
  const wait = (): void => {
    const isLong = clock.now() - lostAtMs >= FAILOVER_MS;
    waiting = clock.schedule(look, isLong ? LONG_OUTAGE_INTERVAL_MS : UNREACHABLE_MS);
  };
  const look = (): void => {
    waiting = undefined;
    const clients = clientsOf(core);
    lost = lostNodes(core);
    if (!core.isOpen || clients.every(({ isReady }) => isReady)) {
      isWatching = false;
      return;
    }
    const ready = clients.find(({ isReady }) => isReady);
    void lookFrom(core, clock, ready).then(wait);
  };
  cluster.on("node-reconnecting", () => {
    const now = lostNodes(core);
    // By address: a node that has never been reached gets a new client with every look.
    if (isWatching && now.every((address) => lost.includes(address))) return;
    lost = now;
    lostAtMs = clock.now();
    if (isWatching && waiting === undefined) return;
    isWatching = true;
    waiting?.[Symbol.dispose]();
    wait();
  });
}

function lostNodes({ masters, replicas }: ClusterCore): unknown[] {
  return [...masters, ...replicas]
    .filter(({ client }) => client?.isReady === false)
    .map(({ address }) => address);
}

async function lookFrom(core: ClusterCore, clock: Clock, ready: NodeClient | undefined): Promise<void> {
  if (ready === undefined) return;
  const stuck = clock.schedule(() => giveUpUnreached(core), STUCK_MS);
  try {
    await core._slots.rediscover(ready);
  } catch {
    // Emitted by the cluster itself, and asked again.
  } finally {
    stuck[Symbol.dispose]();
  }
}

/** node-redis waits for every node that it has heard of; one that has never been reached is asked for again later. */
function giveUpUnreached(core: ClusterCore): void {
  for (const node of [...core.masters, ...core.replicas]) {
    const { client, connectPromise } = node;
    if (client === undefined || client.isReady || connectPromise === undefined) continue;
    node.client = undefined;
    client.destroy();
  }
}

function clientsOf({ masters, replicas }: ClusterCore): NodeClient[] {
  return [...masters, ...replicas].flatMap(({ client }) => (client === undefined ? [] : [client]));
}
