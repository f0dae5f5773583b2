import { Socket } from "node:net";
import { expect, test } from "vitest";
import { Farewells } from "../../src/proxy/io/farewells.js";
import { ManualClock } from "../../src/testing/index.js";

function leaving(farewells: Farewells, count: number): Socket[] {
  const sockets = Array.from({ length: count }, () => new Socket());
  for (const socket of sockets) farewells.add(socket);
  return sockets;
}

function closed(sockets: readonly Socket[]): number {
  return sockets.filter((socket) => socket.destroyed).length;
}

test("connections that clients have left are closed after a millisecond at the latest", async () => {
  const clock = new ManualClock();
  const farewells = new Farewells(clock);
  const first = leaving(farewells, 3);
  expect(closed(first)).toBe(0);
  await clock.advance(1);
  expect(closed(first)).toBe(3);
  const later = leaving(farewells, 2);
  await clock.advance(1);
  expect(closed(later)).toBe(2);
});

test("they are closed before when a server has got something to do, and not while it is being sent", async () => {
  const clock = new ManualClock();
  const farewells = new Farewells(clock);
  const sockets = leaving(farewells, 2);
  farewells.takeTime();
  farewells.takeTime();
  expect(closed(sockets)).toBe(0);
  await new Promise(setImmediate);
  expect(closed(sockets)).toBe(2);
  // The timer that is left over does no harm.
  const next = leaving(farewells, 1);
  await clock.advance(1);
  expect(closed(next)).toBe(1);
});
