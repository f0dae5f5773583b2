import { expect, test } from "vitest";
import { hashSlot } from "../../src/gateway/hash-slot.js";

// What CLUSTER KEYSLOT of Redis 7.0 answers.
test.each([
  ["", 0],
  ["a", 15495],
  ["123456789", 12739],
  ["{user1000}.following", 3443],
  ["{user1000}.followers", 3443],
  ["foo{}{bar}", 8363],
  ["foo{{bar}}zap", 4015],
  ["foo{bar}{zap}", 5061],
  ["foo{bar", 15278],
])("%j is in slot %i", (key, slot) => {
  expect(hashSlot(Buffer.from(key))).toBe(slot);
});
