import type { Socket } from "node:net";
import { Listener } from "../../src/proxy/listener.js";

/** Listens on this machine as the proxy does. A client that cannot be taken in fails the run. */
export function listen(onClient: (client: Socket) => void, port = 0): Promise<Listener> {
  return Listener.open(
    { kind: "tcp", host: "127.0.0.1", port },
    {
      onClient,
      onFailed: (_, error) => {
        throw error;
      },
    },
  );
}
