/** A question whose answer is recognised among all other replies: what is asked, and what comes back. */
export interface Marker {
  readonly request: Buffer;
  readonly reply: Buffer;
}

/** Makes a marker; each is used once. */
export type MakeMarker = () => Marker;

/** The markers of one connection. */
export interface Markers {
  readonly next: MakeMarker;
  /**
   * Makes one that is answered inside of a transaction as it is outside, where a PING would be queued; a transaction can
   * only be discarded then. Absent when the server offers none.
   */
  readonly anywhere?: MakeMarker | undefined;
}

/** A PING that is answered by 16 random bytes: nothing that an application stores can look like that. */
export function pingMarker(): Marker {
  const request = Buffer.from(`${PING}$32\r\n${newNonce()}\r\n`, "latin1");
  // What comes back is written as what was sent.
  return { request, reply: request.subarray(PING.length) };
}

const PING = "*2\r\n$4\r\nPING\r\n";

/** A command that does not exist. Its name comes back in the error, which Redis gives before it looks at permissions. */
export interface Probe {
  readonly nonce: string;
  readonly request: Buffer;
}

export function unknownCommand(): Probe {
  const nonce = newNonce();
  return { nonce, request: Buffer.from(`*1\r\n$32\r\n${nonce}\r\n`) };
}

/**
 * Returns markers for a user who may not PING: the errors for commands that do not exist, in this server's words.
 *
 * @returns `undefined` when the server does not repeat the name
 */
export function unknownCommandMarkers(probe: Probe, error: Buffer): MakeMarker | undefined {
  const [before, after, ...rest] = error.toString("latin1").split(probe.nonce);
  if (before === undefined || after === undefined || rest.length > 0 || !before.startsWith("-")) {
    return undefined;
  }
  return () => {
    const { nonce, request } = unknownCommand();
    return { request, reply: Buffer.from(`${before}${nonce}${after}`, "latin1") };
  };
}

/** Random bytes that nobody has seen, drawn in one go: for each nonce by itself it would cost more than the rest. */
let pool: Buffer | undefined;
let used = 0;

function newNonce(): string {
  if (pool === undefined || used + NONCE_BYTES > pool.length) {
    // Loaded with the first connection, so that importing this library stays cheap.
    const { randomBytes } = process.getBuiltinModule("node:crypto");
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += NONCE_BYTES;
  return pool.toString("hex", used - NONCE_BYTES, used);
}

const NONCE_BYTES = 16;
const POOL_BYTES = 2_048;
