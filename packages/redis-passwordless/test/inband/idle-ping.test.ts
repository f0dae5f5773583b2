import { expect, test } from "vitest";
import type { LoginSchedule } from "../../src/inband/session.js";
import { ManualClock } from "../../src/testing/index.js";
import { NEVER_DUE, Workbench } from "./support.js";

const MINUTE = 60_000;

async function silentConnection(context: Parameters<typeof Workbench.start>[0]) {
  const bench = await Workbench.start(context);
  const clock = new ManualClock();
  const schedule: LoginSchedule = { ...NEVER_DUE, clock };
  const wire = await bench.open({ schedule, pingIntervalMs: MINUTE });
  const pings = async (): Promise<number> => {
    const stats = String(await bench.server.command("INFO", "commandstats"));
    return Number(/cmdstat_ping:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  return { clock, wire, pings, before: await pings() };
}

test("a connection that is silent gets a PING, and the client reads nothing of it", async (context) => {
  const { clock, wire, pings, before } = await silentConnection(context);
  await clock.advance(6 * MINUTE);
  // In the first minute something was sent: the login.
  await context.expect.poll(pings).toBe(before + 5);
  wire.write("ECHO heard");
  expect(await wire.read(1)).toEqual(["$5\r\nheard\r\n"]);
});

test("a connection that is in use gets none", async (context) => {
  const { clock, wire, pings, before } = await silentConnection(context);
  for (let minute = 0; minute < 5; minute += 1) {
    await wire.settled();
    await clock.advance(MINUTE);
  }
  await wire.settled();
  expect(await pings()).toBe(before);
});

test("a transaction that is open is not disturbed", async (context) => {
  const { clock, wire, pings, before } = await silentConnection(context);
  wire.write("MULTI");
  await clock.advance(5 * MINUTE);
  wire.write("INCR n", "EXEC");
  expect(await wire.read(3)).toEqual(["+OK\r\n", "+QUEUED\r\n", "*1\r\n:1\r\n"]);
  // The two that mark the replies to MULTI and to EXEC.
  expect(await pings()).toBe(before + 2);
});

test("subscribers in RESP2 get PINGs too, and messages in between", async (context) => {
  const { clock, wire, pings, before } = await silentConnection(context);
  wire.write("SUBSCRIBE news");
  await wire.read(1);
  const subscribed = await pings();
  expect(subscribed).toBeGreaterThanOrEqual(before);
  await clock.advance(3 * MINUTE);
  await context.expect.poll(pings).toBeGreaterThanOrEqual(subscribed + 2);
  expect(wire.frames).toHaveLength(1);
});

test("a connection that has ended leaves no timer behind", async (context) => {
  const { clock, wire } = await silentConnection(context);
  expect(clock.pendingTimers).toBe(1);
  wire.socket.destroy();
  await wire.closed;
  expect(clock.pendingTimers).toBe(0);
});
