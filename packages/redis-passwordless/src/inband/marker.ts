import { randomBytes } from "node:crypto";

/** A question whose answer is recognised among all other replies: what is asked, and how its reply begins. */
export interface Marker {
  readonly request: Buffer;
  readonly replyPrefix: Buffer;
}

/** 16 random bytes: nothing that an application stores can look like the reply. */
export function pingMarker(): Marker {
  const nonce = randomBytes(16).toString("hex");
  return {
    request: Buffer.from(`*2\r\n$4\r\nPING\r\n$32\r\n${nonce}\r\n`),
    replyPrefix: Buffer.from(`$32\r\n${nonce}\r\n`),
  };
}

export const HELLO_REQUEST: Buffer = Buffer.from("*1\r\n$5\r\nHELLO\r\n");

/**
 * Returns markers for a user who may not PING. HELLO needs no permission
 * (https://github.com/redis/redis/blob/7.0/src/commands/hello.json, `NO_AUTH`), and its reply begins with the
 * server's version and this connection's own id, so nothing but HELLO on this connection answers so.
 *
 * `sample` is such a reply; `undefined` when it is none.
 */
export function helloMarkers(sample: Buffer): ((protocol: 2 | 3) => Marker) | undefined {
  const text = sample.toString("latin1");
  const id = /\$2\r\nid\r\n:\d+\r\n/.exec(text);
  const head = /^(?:\*\d+|%\d+)\r\n\$6\r\nserver\r\n/.exec(text);
  if (id === null || head === null) return undefined;
  const upToId = text.slice(0, id.index + id[0].length);
  const entries = text.startsWith("%")
    ? Number(/^%(\d+)/.exec(text)?.[1])
    : Number(/^\*(\d+)/.exec(text)?.[1]) / 2;
  return (protocol) => {
    const count = protocol === 3 ? `%${entries}` : `*${entries * 2}`;
    const prefix = upToId
      .replace(/^[*%]\d+/, count)
      .replace(/\$5\r\nproto\r\n:\d\r\n/, `$5\r\nproto\r\n:${protocol}\r\n`);
    return { request: HELLO_REQUEST, replyPrefix: Buffer.from(prefix, "latin1") };
  };
}
