import { PasswordlessError } from "../core/errors.js";
import type { ClientEnd } from "./events.js";
import type { Client } from "./io/shared-reads.js";
import { refuse } from "./refuse.js";
import { respError } from "./resp-error.js";

/** A client that has been let in. */
export interface ServedClient {
  /** Resolves when it has left. */
  readonly ended: Promise<ClientEnd>;
  /** Whether it waits for nothing. */
  readonly isIdle: boolean;
  /** Ends its connection when it has been idle for a while; only called while it is. */
  dismiss(): void;
  /** Ends its connection at once. */
  destroy(reason: ClientEnd): void;
}

/** A client that waits until it is known how it can be served; nothing that it sends is read before. */
export class WaitingClient implements ServedClient {
  readonly ended: Promise<ClientEnd>;
  readonly #client: Client;
  #served: ServedClient | undefined;
  #reason: ClientEnd | undefined;

  /** @param prepare resolves with what serves it; a rejection is what it gets to read */
  constructor(
    client: Client,
    prepare: () => Promise<() => ServedClient>,
    onFailed: (error: PasswordlessError) => void,
  ) {
    this.#client = client;
    const { socket } = client;
    const onError = (): void => {};
    socket.on("error", onError);
    this.ended = prepare().then(
      (serve) => {
        if (this.#reason !== undefined) return this.#reason;
        this.#served = serve();
        return this.#served.ended;
      },
      (error: unknown) => {
        if (PasswordlessError.is(error)) onFailed(error);
        refuse(socket, respError(error));
        return new Promise<ClientEnd>((resolve) => {
          socket.once("close", () => resolve(this.#reason ?? "unreachable"));
        });
      },
    );
  }

  get isIdle(): boolean {
    return this.#served?.isIdle ?? false;
  }

  dismiss(): void {
    this.#served?.dismiss();
  }

  destroy(reason: ClientEnd): void {
    this.#reason ??= reason;
    if (this.#served === undefined) this.#client.socket.destroy();
    else this.#served.destroy(reason);
  }
}
