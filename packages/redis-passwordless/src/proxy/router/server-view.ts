/** What a node of a cluster says of itself, as a single server would: clients decide by it how they go on. */
export function asSingleServer(frame: Buffer): Buffer {
  const text = frame.toString("latin1");
  // HELLO.
  if (/^[%*]/.test(text))
    return Buffer.from(text.replace("$7\r\ncluster\r\n", "$10\r\nstandalone\r\n"), "latin1");
  // INFO: a bulk string, or a verbatim one.
  const header = /^([$=])\d+\r\n/.exec(text);
  if (header === null) return frame;
  const body = text
    .slice(header[0].length, -2)
    .replace(/^redis_mode:cluster/m, "redis_mode:standalone")
    .replace(/^server_mode:cluster/m, "server_mode:standalone")
    .replace(/^cluster_enabled:1/m, "cluster_enabled:0");
  return Buffer.from(`${header[1]}${body.length}\r\n${body}\r\n`, "latin1");
}
