import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** An address that leads to a server, until the test is over. */
export interface Relay {
  readonly port: number;
  /** Connections that come from now on lead there. */
  leadTo(port: number): void;
  /** Connections that come from now on lead nowhere until the returned function is called. */
  hold(): () => void;
}

export async function relay(first: number): Promise<Relay> {
  let target = first;
  let isFree = Promise.resolve();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    client.on("error", () => {});
    sockets.add(client);
    void isFree.then(() => join(client, connect(target, "127.0.0.1")));
  }).listen(0, "127.0.0.1");
  const join = (client: Socket, backend: Socket): void => {
    for (const [one, other] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  };
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as { port: number };
  return {
    port,
    leadTo(next) {
      target = next;
    },
    hold() {
      let release = (): void => {};
      isFree = new Promise((resolve) => {
        release = resolve;
      });
      return () => {
        isFree = Promise.resolve();
        release();
      };
    },
  };
}
