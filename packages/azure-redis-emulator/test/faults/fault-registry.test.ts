import { expect, test } from "vitest";
import { FaultRegistry } from "../../src/faults/fault-registry.js";

const kindsOf = (registry: FaultRegistry, objectId?: string) =>
  registry.take("imds", objectId).map(({ fault }) => fault.kind);

test("a fault applies as often as was asked, and counts it", () => {
  const registry = new FaultRegistry();
  const fault = registry.inject("imds", { kind: "reset" }, { times: 2 });
  expect([kindsOf(registry), kindsOf(registry), kindsOf(registry)]).toEqual([["reset"], ["reset"], []]);
  expect(fault.applied).toBe(2);
});

test("without a limit it applies until it is removed", () => {
  const registry = new FaultRegistry();
  const fault = registry.inject("all", { kind: "hang" });
  expect(kindsOf(registry)).toEqual(["hang"]);
  fault.remove();
  fault.remove();
  expect(kindsOf(registry)).toEqual([]);
});

test("a fault in a using block ends with the block", () => {
  const registry = new FaultRegistry();
  {
    using _fault = registry.inject("imds", { kind: "hang" });
    expect(kindsOf(registry)).toEqual(["hang"]);
  }
  expect(kindsOf(registry)).toEqual([]);
});

test("a fault for one endpoint or one identity leaves the others alone", () => {
  const registry = new FaultRegistry();
  registry.inject("authority", { kind: "hang" });
  registry.inject("imds", { kind: "reset" }, { objectId: "one" });
  expect(kindsOf(registry, "two")).toEqual([]);
  expect(kindsOf(registry)).toEqual([]);
  expect(kindsOf(registry, "one")).toEqual(["reset"]);
});

test("faults queue up: the next one shows when the one before is used up", () => {
  const registry = new FaultRegistry();
  registry.inject("imds", { kind: "status", status: 500 }, { times: 1 });
  registry.inject("imds", { kind: "sameToken" }, { times: 1 });
  registry.inject("imds", { kind: "reset" });
  expect([kindsOf(registry), kindsOf(registry), kindsOf(registry)]).toEqual([
    ["status"],
    ["sameToken"],
    ["reset"],
  ]);
});

test("a delay goes together with the fault behind it", () => {
  const registry = new FaultRegistry();
  registry.inject("imds", { kind: "delay", delayMs: 1 });
  registry.inject("imds", { kind: "hang" });
  registry.inject("imds", { kind: "reset" });
  expect(kindsOf(registry)).toEqual(["delay", "hang"]);
});

test("an application that is taken back does not count", () => {
  const registry = new FaultRegistry();
  const fault = registry.inject("imds", { kind: "sameToken" }, { times: 1 });
  registry.take("imds", undefined)[0]?.release();
  expect(fault.applied).toBe(0);
  expect(kindsOf(registry)).toEqual(["sameToken"]);
});

test.each([0, -1, 1.5, Number.NaN])("times: %d is refused", (times) => {
  expect(() => new FaultRegistry().inject("imds", { kind: "hang" }, { times })).toThrow(RangeError);
});

test.each([
  { kind: "delay", delayMs: -1 },
  { kind: "delay", delayMs: 2 ** 31 },
  { kind: "status", status: 99 },
  { kind: "status", status: 200.5 },
] as const)("%j is refused", (fault) => {
  expect(() => new FaultRegistry().inject("imds", fault)).toThrow(RangeError);
});
