import { afterAll, beforeAll, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { type Response, request } from "../support/http.js";
import { connectRedis } from "../support/redis.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator({ redis: { cluster: { replicas: 1, announce: "ip" } } });
});

afterAll(() => azure.close());

function post(path: string, body?: unknown): Promise<Response> {
  return request(azure.controlUrl + path, {
    method: "POST",
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

test("nodes fail over and are revived, and show what they are", async () => {
  const first = await post("/redis/failover", { node: 0, kind: "unplanned", announceMaintenance: true });
  expect(first).toMatchObject({ status: 200, body: { from: 0, to: 3 } });
  const killed = { host: "localhost", role: "replica", isRunning: false };
  const promoted = { role: "master", isRunning: true, announced: { host: "127.0.0.2" } };
  expect(first.body["nodes"]).toMatchObject([killed, {}, {}, promoted, {}, {}]);
  const revived = await post("/redis/revive", { node: 0 });
  expect(revived.status).toBe(200);
  expect(revived.body["nodes"]).toMatchObject([{ ...killed, isRunning: true }, {}, {}, promoted, {}, {}]);
  const second = await post("/redis/failover", { node: 3, newAddress: false });
  expect(second).toMatchObject({ status: 200, body: { from: 3, to: 0 } });
  const overview = await request(`${azure.controlUrl}/`, { method: "GET" });
  expect((overview.body["redis"] as { nodes: unknown }).nodes).toEqual(second.body["nodes"]);
  for (const { backendUrl } of azure.redis.nodes)
    expect(overview.text + second.text).not.toContain(backendUrl);
  const events = await request(`${azure.controlUrl}/events?type=failover`, { method: "GET" });
  expect(events.body["events"]).toMatchObject(
    ["started", "promoted", "ended", "started", "promoted", "ended"].map((phase) => ({ phase })),
  );
});

test("a node shows another certificate", async () => {
  const names = ["other.example"];
  expect((await post("/redis/certificate", { node: 0, names })).status).toBe(200);
  await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow("other.example");
  expect((await post("/redis/certificate", { node: 0, names: null })).status).toBe(200);
  (await connectRedis(azure, azure.userIdentity)).destroy();
});

test("maintenance is published", async () => {
  const subscriber = await connectRedis(azure, azure.userIdentity);
  const event = {
    type: "NodeMaintenanceEnded",
    startTimeUtc: "2026-11-21T10:00:00+01:00",
    isReplica: true,
    node: 1,
  };
  const message = new Promise((resolve) => {
    void subscriber.subscribe("AzureRedisEvents", resolve).then(() => post("/redis/maintenance", event));
  });
  expect(await message).toMatch(
    /^NotificationType\|NodeMaintenanceEnded\|StartTimeInUTC\|2026-11-21T09:00:00\|IsReplica\|True\|/,
  );
  subscriber.destroy();
});

test.each<[string, object, number]>([
  ["failover", { node: "0" }, 400],
  ["failover", { node: 99 }, 400],
  ["failover", { kind: "graceful" }, 400],
  ["failover", { newAddress: "yes" }, 400],
  ["failover", { nodes: 0 }, 400],
  ["revive", {}, 400],
  ["revive", { node: 0 }, 409],
  ["revive", { node: -1 }, 400],
  ["certificate", { node: 0 }, 400],
  ["certificate", { node: 0, names: ["*"] }, 400],
  ["maintenance", {}, 400],
  ["maintenance", { type: "Lunch" }, 400],
  ["maintenance", { type: "NodeMaintenanceEnded", startTimeUtc: "noon" }, 400],
])("%s %j is refused with a reason", async (path, body, status) => {
  const response = await post(`/redis/${path}`, body);
  expect(response.status).toBe(status);
  expect(response.body["error"]).toMatch(/\w/);
});
