/** An answer in RESP2. Errors inside arrays stay values. */
export type Reply = string | number | null | RedisReplyError | readonly Reply[];

/** The server's error reply; its message is the server's own text. */
export class RedisReplyError extends Error {
  override readonly name = "RedisReplyError";
}

/** Reads one complete RESP2 frame. Bulk strings are read as UTF-8. */
export function decodeReply(frame: Buffer): Reply {
  return decodeAt(frame, { at: 0 });
}

function decodeAt(frame: Buffer, cursor: { at: number }): Reply {
  const lineEnd = frame.indexOf("\r\n", cursor.at);
  const type = String.fromCharCode(frame[cursor.at] ?? 0);
  const line = frame.toString("utf8", cursor.at + 1, lineEnd);
  cursor.at = lineEnd + 2;
  switch (type) {
    case "+":
      return line;
    case "-":
      return new RedisReplyError(line);
    case ":":
      return Number(line);
    case "$": {
      const length = Number(line);
      if (length < 0) return null;
      const start = cursor.at;
      cursor.at += length + 2;
      return frame.toString("utf8", start, start + length);
    }
    case "*":
      return Number(line) < 0 ? null : Array.from({ length: Number(line) }, () => decodeAt(frame, cursor));
    default:
      throw new Error(`The server sent a reply of type ${JSON.stringify(type)}, which RESP2 does not have`);
  }
}
