import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Listens with the shortest queue, says where, and never accepts anybody. */
const NEVER_ACCEPTS = `
  const server = require("node:net").createServer();
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/** A port whose connections never come about, as behind a firewall that drops them: nobody refuses either. */
export interface BlackHole extends Disposable {
  readonly port: number;
}

/** The queue of a listener is full with more connections than its backlog: 2 for 1 on Linux. */
const FILLING = 2;

export async function openBlackHole(): Promise<BlackHole> {
  const child = spawn(process.execPath, ["-e", NEVER_ACCEPTS], { stdio: ["ignore", "pipe", "inherit"] });
  const [printed] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(printed.toString());
  const filling: Socket[] = [];
  for (let count = 0; count < FILLING; count++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    filling.push(socket);
  }
  return {
    port,
    [Symbol.dispose]() {
      for (const socket of filling) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}
