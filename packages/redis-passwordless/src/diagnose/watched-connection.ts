import type { Token } from "../core/token.js";
import { ReplyError } from "../inband/reply.js";
import { type Connection, type LoginResult, refusedError } from "../reauth/connection.js";
import type { RedisConnection } from "./redis-connection.js";

/** An open connection as the library's re-authentication sees those of an application. */
export class WatchedConnection implements Connection {
  readonly label: string;
  /** The token that it is logged in with. */
  token: Token;
  readonly #connection: RedisConnection;

  constructor(label: string, token: Token, connection: RedisConnection) {
    this.label = label;
    this.token = token;
    this.#connection = connection;
  }

  async authenticate(token: Token): Promise<LoginResult> {
    if (!this.#connection.isOpen) return "gone";
    const reply = await this.#connection.ask("AUTH", token.username, token.reveal());
    if (reply instanceof ReplyError) throw refusedError(this.label, token, reply.message);
    return "accepted";
  }
}
