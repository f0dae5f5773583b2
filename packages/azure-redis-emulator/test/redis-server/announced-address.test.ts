import { describe, expect, test } from "vitest";
import { announcedAddress } from "../../src/redis-server/redis-server.js";

describe("announcedAddress", () => {
  test.each([
    ["hostname", 0, "cache.example"],
    ["hostname", 7, "cache.example"],
    ["ip", 0, "127.0.0.1"],
    ["ip", 1, "127.0.0.2"],
    ["ip", 253, "127.0.0.254"],
    ["ip", 254, "127.0.1.1"],
    ["unreachableIp", 0, "192.0.2.1"],
    ["unreachableIp", 253, "192.0.2.254"],
    ["unreachableIp", 254, "198.51.100.1"],
    ["unreachableIp", 508, "203.0.113.1"],
  ] as const)("with %s, after %i moves, is %s", (announcement, moves, address) => {
    expect(announcedAddress(announcement, moves, "cache.example")).toBe(address);
  });
});
