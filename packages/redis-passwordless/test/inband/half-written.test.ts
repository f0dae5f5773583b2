import { expect, test } from "vitest";
import { Workbench } from "./support.js";

test("a login waits until a command that has begun has been written in full", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  const value = "x".repeat(200_000);
  wire.socket.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value.slice(0, 100_000)}`);
  // What follows is written while the server has the beginning of a value.
  await new Promise(setImmediate);
  const login = wire.session.authenticate(bench.good);
  wire.socket.write(`${value.slice(100_000)}\r\n`);
  expect(await login).toBe("accepted");
  wire.write("GET k");
  expect(await wire.settled()).toEqual(["+OK\r\n", `$${value.length}\r\n${value}\r\n`]);
});

test("a login waits until the command behind ASKING has been sent", async (t) => {
  const bench = await Workbench.start(t, { config: ["cluster-enabled yes"] });
  const wire = await bench.open();
  wire.write("ASKING");
  await wire.read(1);
  let isOver = false;
  const login = wire.session.authenticate(bench.good).then((result) => {
    isOver = true;
    return result;
  });
  // The server has answered what was sent since: an AUTH would have come before.
  await bench.server.command("PING");
  expect(isOver).toBe(false);
  wire.write("GET k");
  expect(await login).toBe("accepted");
});

test("a login that waits for the rest of a command ends with the connection", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.socket.write("*2\r\n$4\r\nECHO\r\n$5\r\nhe");
  await new Promise(setImmediate);
  const login = wire.session.authenticate(bench.good);
  wire.socket.destroy();
  expect(await login).toBe("offline");
});
