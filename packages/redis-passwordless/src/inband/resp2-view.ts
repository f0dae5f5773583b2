/**
 * What a RESP2 client gets to see of a connection that speaks RESP3 because RESP2 allows no AUTH while something is
 * subscribed: the same frames, but for the type of pushes, null in a confirmation and the reply to PING
 * (https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md).
 */
export class Resp2View {
  /** Channels and patterns that are subscribed, as the server counted last. */
  #channels = 0;
  /** Sharded channels, which it counts apart. */
  #shardChannels = 0;

  /** Whether a RESP2 client that gets to see this is in subscriber mode. */
  get isSubscribed(): boolean {
    return this.#channels + this.#shardChannels > 0;
  }

  translate(frame: Buffer, isPush: boolean, lastInteger: number): Buffer {
    if (frame.equals(RESET)) this.#channels = this.#shardChannels = 0;
    if (!isPush) return this.isSubscribed ? asSubscriberReply(frame) : frame;
    const kind = kindOf(frame);
    const isConfirmation = kind.endsWith("subscribe");
    if (isConfirmation && kind.startsWith("s") && kind !== "subscribe") this.#shardChannels = lastInteger;
    else if (isConfirmation) this.#channels = lastInteger;
    else if (kind === "invalidate") return this.isSubscribed ? asInvalidation(frame) : NOTHING;
    const shown = isConfirmation ? withoutResp3Null(frame) : frame;
    // In place: nobody else has these bytes.
    shown[0] = STAR;
    return shown;
  }
}

const STAR = 42;
const NOTHING: Buffer = Buffer.alloc(0);
/** `>2`, its name, and what has changed. */
const INVALIDATE_HEAD = ">2\r\n$10\r\ninvalidate\r\n";
const INVALIDATION = Buffer.from("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n");
const RESP3_NULL = Buffer.from("_\r\n");
const RESP2_NULL = Buffer.from("$-1\r\n");
const RESET = Buffer.from("+RESET\r\n");
/** The first element of a push, which is a bulk string. */
function kindOf(push: Buffer): string {
  return /^>\d+\r\n\$\d+\r\n([a-z]+)/.exec(push.toString("latin1", 0, 40))?.[1] ?? "";
}

/** A confirmation that names no channel, for an UNSUBSCRIBE with nothing to unsubscribe, has null in its place. */
function withoutResp3Null(frame: Buffer): Buffer {
  const head = /^>\d+\r\n\$\d+\r\n[a-z]+\r\n(?=_\r\n)/.exec(frame.toString("latin1", 0, 48))?.[0];
  if (head === undefined) return frame;
  return Buffer.concat([Buffer.from(`${head}$-1\r\n`), frame.subarray(head.length + 3)]);
}

/**
 * What another connection's client-side caching sends here (`CLIENT TRACKING ON REDIRECT`) is a push of its own in
 * RESP3, and in RESP2 a message on a channel, to whoever is subscribed to anything (tracking.c, sendTrackingMessage).
 */
function asInvalidation(frame: Buffer): Buffer {
  const keys = frame.subarray(INVALIDATE_HEAD.length);
  return Buffer.concat([INVALIDATION, keys.equals(RESP3_NULL) ? RESP2_NULL : keys]);
}

/** A subscriber's PING is answered by an array in RESP2. */
function asSubscriberReply(frame: Buffer): Buffer {
  const text = frame.toString("latin1", 0, 8);
  if (text.startsWith("+PONG\r\n")) return Buffer.from("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  return text.startsWith("$") ? Buffer.concat([Buffer.from("*2\r\n$4\r\npong\r\n"), frame]) : frame;
}

/** What Redis answers to any other command of a RESP2 subscriber. */
export function subscriberError(name: string): Buffer {
  return Buffer.from(
    `-ERR Can't execute '${name.toLowerCase()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n`,
  );
}
