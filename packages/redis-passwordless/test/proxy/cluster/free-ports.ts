import { once } from "node:events";
import { createServer } from "node:net";

const HOST = "127.0.0.1";
/** Test files run side by side: each begins to look somewhere else. */
const BEGIN = 20_100 + (process.pid % 100) * 80;

/** Ports in a row that nobody listens on, and that the system gives nobody by chance. */
export async function freeRange(count: number): Promise<number> {
  for (let first = BEGIN; ; first += count) {
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const heard = await Promise.all(ports.map((port) => isFree(port)));
    if (heard.every(Boolean)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, HOST);
  const isListening = await once(server, "listening").then(
    () => true,
    () => false,
  );
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
