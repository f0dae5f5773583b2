/**
 * Takes out of what MONITOR shows what this library has sent itself: PINGs with a nonce, from whichever connection,
 * and the logins of the connections that those came from. Redis shows no password there.
 */
export function withoutOwnLines(): (frame: Buffer) => Buffer | undefined {
  /** Connections as the server names them. */
  const own = new Set<string>();
  return (frame) => {
    if (frame[0] !== PLUS || frame.length > LONGEST_LINE) return frame;
    const [, address, command] = LINE.exec(frame.toString("latin1")) ?? [];
    if (address === undefined || command === undefined) return frame;
    if (NONCE.test(command)) own.add(address);
    else if (command !== LOGIN || !own.has(address)) return frame;
    return undefined;
  };
}

const PLUS = 43;
const LONGEST_LINE = 200;
/** As Redis writes them (replication.c, `replicationFeedMonitors`). */
const LINE = /^\+\d+\.\d+ \[\d+ ([^\]]+)\] (.*)\r\n$/;
const NONCE = /^"(?:PING" ")?[0-9a-f]{32}"$/;
const LOGIN = '"AUTH" "(redacted)" "(redacted)"';
