import { PasswordlessError } from "../core/errors.js";
import { serverFacts } from "../explain/server.js";

/**
 * How a server wants to be used: as a `cluster`, whose clients find the node of each key, or as a `single` server;
 * also a cluster behind one endpoint (Azure's Enterprise policy) is a single server to its clients.
 */
export type Topology = "cluster" | "single";

/**
 * What is asked to tell the two apart. Azure's built-in access policies all allow it (the narrowest,
 * Data Reader, has `+cluster|slots`).
 */
export const TOPOLOGY_QUESTION = ["CLUSTER", "SLOTS"] as const;

/**
 * Reads the answer to {@link TOPOLOGY_QUESTION}: its first bytes are enough.
 *
 * @returns `either` for a cluster of one node, which serves both kinds of client, as long as it stays one;
 * `undefined` when the answer does not tell: no permission, a server that is loading
 */
export function topologyOf(reply: Buffer | string): Topology | "either" | undefined {
  const [head = ""] = (typeof reply === "string" ? reply : reply.toString("latin1", 0, 256)).split("\r\n", 1);
  if (head.startsWith("*")) {
    const ranges = Number(head.slice(1));
    return ranges > 1 ? "cluster" : ranges === 1 ? "either" : undefined;
  }
  // Redis without a cluster, or Azure's Enterprise policy, which blocks the command (Microsoft does not say with
  // which words).
  return /^-.*(?:cluster support disabled|unknown (?:sub)?command|not (?:allowed|supported|permitted)|blocked|disabled)/i.test(
    head,
  ) && !/^-NOPERM/i.test(head)
    ? "single"
    : undefined;
}

/**
 * Checks once, with the first login of clients that were made alike, that the server is what they take it for.
 */
export class TopologyCheck {
  readonly #expected: Topology;
  readonly #names: ClientNames;
  #isDone = false;
  /** What the last answer was refused with. */
  mismatch: PasswordlessError | undefined;

  constructor(expected: Topology, names: ClientNames) {
    this.#expected = expected;
    this.#names = names;
  }

  /** What to ask along with a login, until it has been answered. */
  get question(): readonly string[] | undefined {
    return this.#isDone ? undefined : TOPOLOGY_QUESTION;
  }

  /** @throws {PasswordlessError} `ERR_PASSWORDLESS_TOPOLOGY_MISMATCH` */
  examine(label: string, answer: Buffer | string | undefined): void {
    if (answer === undefined) return;
    const actual = topologyOf(answer);
    const isOther = (actual === "cluster" || actual === "single") && actual !== this.#expected;
    this.mismatch = isOther ? topologyMismatch(label, actual, this.#names) : undefined;
    if (this.mismatch !== undefined) throw this.mismatch;
    this.#isDone = true;
  }
}

/** What the caller's kind of client is called, and what the other kind is. */
export interface ClientNames {
  readonly used: string;
  readonly needed: string;
}

/** The error for a client of the wrong kind. */
export function topologyMismatch(label: string, actual: Topology, names: ClientNames): PasswordlessError {
  const observed =
    actual === "cluster"
      ? "is an OSS cluster: most keys are on other nodes, and a client for one server gets MOVED for them"
      : "is no OSS cluster: it is one endpoint for all keys, and does not tell cluster clients about its nodes";
  return new PasswordlessError("ERR_PASSWORDLESS_TOPOLOGY_MISMATCH", {
    message: `${label} ${observed}; it was used with ${names.used}.`,
    remedy: `Use ${names.needed}.`,
    rule: actual === "cluster" ? "moved" : "cluster-client-on-single-server",
    details: { ...serverFacts(label), endpoint: label, topology: actual },
  });
}
