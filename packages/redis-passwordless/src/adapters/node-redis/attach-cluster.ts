import type { Clock } from "../../core/clock.js";
import { PasswordlessError } from "../../core/errors.js";

/** How long a node may be unreachable before the others are asked who has taken its place, in milliseconds. */
const UNREACHABLE_MS = 500;

const ATTACHED = Symbol.for("redis-passwordless.attached");

interface NodeClient {
  readonly isReady: boolean;
}

/** The part of a cluster that is used here; public members of node-redis 5.12 and 6. */
export interface AttachableCluster {
  readonly masters: readonly { readonly client?: NodeClient | undefined }[];
  readonly isOpen: boolean;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

/**
 * A private member, checked with 5.12.1 and 6.3.1: `_slots.rediscover` reads the slots anew, from this client first.
 * `attach-cluster.test.ts` fails when it moves.
 */
interface Slots {
  rediscover(startWith: NodeClient): Promise<unknown>;
}

/**
 * Lets a cluster of node-redis 5 find the node that has taken the place of a dead one. By itself it tries to reach
 * the dead one for ever: it reads the slots anew only when a node that is alive answers with MOVED. node-redis 6 does
 * this by itself (`topologyRefreshOnReconnectionAttemptStrategy`), and is none the worse for it.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED`
 */
export function attachToCluster(cluster: AttachableCluster, clock: Clock): void {
  if (Object.hasOwn(cluster, ATTACHED)) return;
  const slots = slotsOf(cluster);
  Object.defineProperty(cluster, ATTACHED, { value: true });
  let isWatching = false;
  const look = (): void => {
    const clients = cluster.masters.flatMap(({ client }) => (client === undefined ? [] : [client]));
    const ready = clients.find(({ isReady }) => isReady);
    if (!cluster.isOpen || clients.every(({ isReady }) => isReady)) {
      isWatching = false;
      return;
    }
    const asked = ready === undefined ? Promise.resolve() : slots.rediscover(ready);
    // What fails is emitted by the cluster itself, and asked again.
    void asked.catch(() => {}).then(() => clock.schedule(look, UNREACHABLE_MS));
  };
  cluster.on("node-reconnecting", () => {
    if (isWatching) return;
    isWatching = true;
    clock.schedule(look, UNREACHABLE_MS);
  });
}

/** Whether this is the result of `createCluster`. */
export function isCluster(client: object): client is AttachableCluster {
  return "masters" in client && "replicas" in client;
}

function slotsOf(cluster: object): Slots {
  const { _slots: slots } = cluster as { _slots?: Partial<Slots> };
  if (typeof slots?.rediscover === "function") return slots as Slots;
  throw new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: "This cluster cannot be attached: it has no way to be told to look for its nodes.",
    remedy: "Pass what `createCluster` of node-redis 5.12 or 6 returns.",
  });
}
