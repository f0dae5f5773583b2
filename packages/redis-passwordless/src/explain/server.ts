/**
 * What the name of a server says, `host:port` or the path of its socket: facts for the `details` of an error, by which
 * whoever explains it finds its cause again.
 */
export function serverFacts(label: string): {
  readonly target: "redis";
  readonly host?: string;
  readonly port?: number;
} {
  const [, host, port] = /^\[?([^/,]+?)\]?:(\d+)$/.exec(label) ?? [];
  return { target: "redis", ...(host === undefined ? {} : { host, port: Number(port) }) };
}
