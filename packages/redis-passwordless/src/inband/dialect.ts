import { encodeCommand } from "resp-framing";
import type { OwnCommands } from "./own-commands.js";
import { type Plan, SEND } from "./plan.js";
import { Resp2View, subscriberError } from "./resp2-view.js";

/** What a connection speaks, and what its client believes that it speaks. */
export class Dialect {
  readonly #own: OwnCommands;
  readonly #putFirst: (command: Buffer) => void;
  readonly #send: (bytes: Buffer) => void;
  /** What the connection speaks, as far as it is known. */
  protocol: 2 | 3;
  /** Set while the connection speaks RESP3 and the client believes in RESP2. */
  #view: Resp2View | undefined;
  /** Under way after a HELLO of the client's. */
  #negotiation: Promise<unknown> | undefined;
  /** Whether the client is subscribed in RESP2, which allows no AUTH. */
  isPlainSubscriber = false;
  /** Whether the client has subscribed to anything: it may get messages at any time. */
  hasSubscribed = false;
  /** Whether what the connection speaks is not known, for want of the reply to a HELLO of the client's. */
  isDoubtful = false;
  #doubts = 0;

  constructor(
    own: OwnCommands,
    protocol: 2 | 3,
    /** Puts a command in front of what waits. */
    putFirst: (command: Buffer) => void,
    send: (bytes: Buffer) => void,
  ) {
    this.#own = own;
    this.protocol = protocol;
    this.#putFirst = putFirst;
    this.#send = send;
  }

  /** Whether the client is shown another protocol than the connection speaks. */
  get isTranslated(): boolean {
    return this.#view !== undefined;
  }

  /** After a HELLO of the client's, the server is asked what the connection speaks: it may have refused. */
  negotiate(): Promise<unknown> {
    // Subscribers that go over to RESP2 are answered like RESP2 subscribers from there on, our question as well.
    if (this.hasSubscribed && (this.protocol === 3 || this.isDoubtful)) {
      this.isPlainSubscriber = true;
      return Promise.resolve();
    }
    const doubts = this.#doubts;
    const negotiation = this.#own.exchange(encodeCommand(["HELLO"]), {
      onReply: (frame) => {
        this.protocol = protocolIn(frame) ?? this.protocol;
        if (doubts === this.#doubts) this.isDoubtful = false;
        return undefined;
      },
    });
    this.#negotiation = negotiation;
    void negotiation.then(() => {
      if (this.#negotiation === negotiation) this.#negotiation = undefined;
    });
    return negotiation;
  }

  /** Where it cannot be resolved, no login is made while something is subscribed. */
  async #resolveDoubt(): Promise<void> {
    await this.negotiate();
    if (this.isDoubtful) this.isPlainSubscriber = true;
  }

  planSubscribe(command: Buffer, isInTransaction: boolean): Plan {
    const mustAsk = this.isDoubtful && !isInTransaction && !this.isPlainSubscriber;
    if (this.#negotiation !== undefined || mustAsk) {
      return {
        kind: "first",
        run: async () => {
          await (this.#negotiation ?? this.#resolveDoubt());
          this.#putFirst(command);
        },
      };
    }
    this.hasSubscribed = true;
    const isSeen = this.protocol === 3 && !this.isDoubtful;
    if (isSeen || this.isTranslated || this.isPlainSubscriber) return SEND;
    if (isInTransaction) {
      this.isPlainSubscriber = true;
      return SEND;
    }
    return {
      kind: "first",
      run: async () => {
        this.isPlainSubscriber = !(await this.#enterSubscriber());
        this.#send(command);
      },
    };
  }

  /** For a command that a RESP2 subscriber may not send. */
  planLeave(name: string, command: Buffer): Plan | undefined {
    const view = this.#view;
    return view && { kind: "first", run: () => this.#leaveSubscriber(view, name, command) };
  }

  /** A subscription was made unseen. */
  subscribed(): void {
    this.hasSubscribed = true;
    if (this.protocol === 2 || this.isDoubtful) this.isPlainSubscriber = true;
  }

  /** A HELLO of the client's has passed whose reply cannot be seen. */
  doubt(): void {
    this.isDoubtful = true;
    this.#doubts += 1;
    if (this.hasSubscribed) this.isPlainSubscriber = true;
  }

  /** The connection is as new. */
  reset(): void {
    this.protocol = 2;
    this.#view = undefined;
    this.#own.translate(undefined);
    this.isPlainSubscriber = false;
    this.hasSubscribed = false;
    this.isDoubtful = false;
  }

  /**
   * RESP2 allows no AUTH while something is subscribed, RESP3 does: so the connection speaks RESP3 while the
   * client goes on in RESP2.
   */
  async #enterSubscriber(): Promise<boolean> {
    const view = new Resp2View();
    let isRefused = true;
    await this.#own.exchange(encodeCommand(["HELLO", "3"]), {
      onReply: (frame) => {
        isRefused = frame[0] === ERROR;
        return undefined;
      },
      onEnd: () => {
        if (isRefused) return;
        this.protocol = 3;
        this.#view = view;
        this.#own.translate((frame, isPush, count) => view.translate(frame, isPush, count));
      },
    });
    return !isRefused;
  }

  /**
   * A client that has unsubscribed from everything takes the connection for an ordinary one again. Whether it has
   * is known when everything before this command is answered; if not, it gets the error that RESP2 has for this.
   */
  async #leaveSubscriber(view: Resp2View, name: string, command: Buffer): Promise<void> {
    await this.#own.mark(() => (view.isSubscribed ? subscriberError(name) : undefined));
    if (view.isSubscribed) return;
    await this.#own.exchange(encodeCommand(["HELLO", "2"]), {
      onReply: () => undefined,
      onEnd: () => {
        this.protocol = 2;
        this.#view = undefined;
        this.#own.translate(undefined);
      },
    });
    this.#putFirst(command);
  }
}

const ERROR = 45;

/** The protocol that the reply to HELLO names. */
function protocolIn(hello: Buffer): 2 | 3 | undefined {
  const version = /\$5\r\nproto\r\n:([23])\r\n/.exec(hello.toString("latin1"))?.[1];
  return version === undefined ? undefined : version === "3" ? 3 : 2;
}
