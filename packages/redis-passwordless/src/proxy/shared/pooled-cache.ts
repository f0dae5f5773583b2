import { decodeReply } from "../../inband/reply.js";
import { unreachableError } from "../../reauth/unreachable.js";
import { TOPOLOGY_QUESTION, topologyMismatch, topologyOf } from "../../topology/topology.js";
import { COMMANDS_QUESTION, CommandTable } from "./command-table.js";
import { Pool, type PoolOptions } from "./pool.js";
import { Pooling } from "./pooling.js";

/** A cache whose clients share connections, and what its server's commands are. */
export class PooledCache {
  readonly pool: Pool;
  /** Asked with the first client; again if that failed. */
  #pooling: Promise<Pooling> | undefined;

  constructor(options: PoolOptions) {
    this.pool = new Pool(options);
  }

  /**
   * Where each command may go.
   *
   * @throws {PasswordlessError} why the server cannot be asked, `ERR_PASSWORDLESS_TOPOLOGY_MISMATCH` for an OSS cluster
   */
  get pooling(): Promise<Pooling> {
    this.#pooling ??= this.#ask().catch((error: unknown) => {
      this.#pooling = undefined;
      throw error;
    });
    return this.#pooling;
  }

  async #ask(): Promise<Pooling> {
    const connection = await this.pool.get(2);
    const ask = async (question: readonly string[]): Promise<Buffer> => {
      const reply = await connection.ask(...question);
      if (reply !== undefined) return reply;
      const cause = new Error("the server closed the connection without an answer");
      throw unreachableError(
        this.pool.label,
        `Redis at ${this.pool.label} could not be asked for its commands`,
        cause,
      );
    };
    const topology = topologyOf(await ask(TOPOLOGY_QUESTION));
    if (topology === "cluster") throw topologyMismatch(this.pool.label, topology, NAMES);
    return new Pooling(CommandTable.from(decodeReply(await ask(COMMANDS_QUESTION))));
  }
}

const NAMES = {
  used: "`--pool` alone",
  needed: "`--single-endpoint`, with which clients share connections too",
};
