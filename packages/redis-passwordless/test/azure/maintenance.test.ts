import { describe, expect, test } from "vitest";
import { parseMaintenance } from "../../src/azure/maintenance.js";

describe("parseMaintenance", () => {
  test("reads every field of an announcement", () => {
    const message =
      "NotificationType|NodeMaintenanceStarting|StartTimeInUTC|2026-11-21T09:00:00|IsReplica|False|IPAddress|13.67.42.199|SSLPort|15001|NonSSLPort|13001";
    expect(parseMaintenance(message)).toEqual({
      type: "NodeMaintenanceStarting",
      startsAtMs: Date.UTC(2026, 10, 21, 9),
      isReplica: false,
      address: "13.67.42.199",
      tlsPort: 15_001,
      plaintextPort: 13_001,
    });
  });

  test.each(["True", "true", "TRUE"])("IsReplica %s is true", (value) => {
    expect(parseMaintenance(`NotificationType|NodeMaintenanceEnded|IsReplica|${value}`)?.isReplica).toBe(
      true,
    );
  });

  test.each(["2026-11-21T09:00:00Z", "2026-11-21T10:00:00+01:00", "2026-11-21T09:00:00.000"])(
    "a start written as %s is the same instant",
    (text) => {
      expect(parseMaintenance(`NotificationType|X|StartTimeInUTC|${text}`)?.startsAtMs).toBe(
        Date.UTC(2026, 10, 21, 9),
      );
    },
  );

  test("what is empty, missing or no number is left open", () => {
    const nothing = {
      startsAtMs: undefined,
      isReplica: false,
      address: undefined,
      tlsPort: undefined,
      plaintextPort: undefined,
    };
    expect(parseMaintenance("NotificationType|NodeMaintenanceStart")).toEqual({
      type: "NodeMaintenanceStart",
      ...nothing,
    });
    expect(
      parseMaintenance(
        "NotificationType|SomethingNew|StartTimeInUTC||IsReplica||IPAddress||SSLPort||NonSSLPort|x",
      ),
    ).toEqual({ type: "SomethingNew", ...nothing });
  });

  test.each(["", "hello", "NotificationType", "NotificationType|", "IsReplica|True"])(
    "%j announces nothing",
    (message) => {
      expect(parseMaintenance(message)).toBeUndefined();
    },
  );

  test("the order of the fields and blanks around them do not matter", () => {
    expect(parseMaintenance("SSLPort | 15000 | NotificationType | NodeMaintenanceEnded")).toMatchObject({
      type: "NodeMaintenanceEnded",
      tlsPort: 15_000,
    });
  });
});
