/** More than anybody types who means Redis, in bytes. */
const LONG_LINE = 4_096;
const STAR = 42;

/**
 * Whether a connection begins as one to a web server does: `METHOD /path HTTP/1.1`. That may be a probe at the wrong
 * port, or a web page that tries what it finds on the machine of who looks at it.
 */
export function isHttpRequest(first: Buffer): boolean {
  // Nearly every client of Redis.
  if (first[0] === STAR) return false;
  const end = first.indexOf("\n");
  const line = first.toString("latin1", 0, end < 0 ? first.length : end);
  if (!/^[A-Z]{3,10} [/*]/.test(line)) return false;
  return / HTTP\/1\.[01]\r?$/.test(line) || (end < 0 && line.length >= LONG_LINE);
}

const TEXT =
  "This is Redis, and not HTTP. Health checks, metrics and the admin page are at --http-address of the proxy.\n";

/** What the sender of such a request gets to read. */
export const HTTP_ANSWER = `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: ${TEXT.length}\r\nconnection: close\r\n\r\n${TEXT}`;
