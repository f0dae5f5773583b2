import { EventEmitter } from "node:events";
import { expect, test, vi } from "vitest";
import { type IoRedisSubscriber, listenWithIoRedis } from "../../src/one-call/maintenance.js";

/** As much of ioredis as an announcement needs; its own clients report errors only to whoever listens. */
class Subscriber extends EventEmitter {
  readonly copies: Subscriber[] = [];
  duplicate(): Subscriber {
    const copy = new Subscriber();
    this.copies.push(copy);
    return copy;
  }
  disconnect(): void {}
  async subscribe(): Promise<void> {}
}

test("an ioredis application without a listener for errors outlives those of the announcements", async () => {
  const client = new Subscriber();
  await listenWithIoRedis(client as unknown as IoRedisSubscriber, () => {});
  expect(() => client.copies[0]!.emit("error", new Error("connection lost"))).not.toThrow();
});

test("errors of the announcements' connection are the ioredis client's", async () => {
  const client = new Subscriber();
  const onError = vi.fn();
  client.on("error", onError);
  await listenWithIoRedis(client as unknown as IoRedisSubscriber, () => {});
  const lost = new Error("connection lost");
  client.copies[0]!.emit("error", lost);
  expect(onError).toHaveBeenCalledExactlyOnceWith(lost);
});
