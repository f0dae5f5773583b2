import { expect, test } from "vitest";
import { pingMarker, unknownCommand, unknownCommandMarkers } from "../../src/inband/marker.js";

test("a PING's nonce is different every time", () => {
  const [one, other] = [pingMarker(), pingMarker()];
  expect(one.reply.equals(other.reply)).toBe(false);
  expect(one.request.includes(one.reply.subarray(5))).toBe(true);
});

// The words of Redis 7 and 8 and of Redis 6.
test.each([
  ["-ERR unknown command '", "', with args beginning with: \r\n"],
  ["-ERR unknown command `", "`, with args beginning with: \r\n"],
])("what comes back is expected in the server's own words: %s…", (before, after) => {
  const probe = unknownCommand();
  const markers = unknownCommandMarkers(probe, Buffer.from(`${before}${probe.nonce}${after}`));
  const [one, other] = [markers?.(), markers?.()];
  expect(one?.reply.toString()).toMatch(
    /^-ERR unknown command .[0-9a-f]{32}., with args beginning with: \r\n$/,
  );
  expect(one?.request.toString()).toContain(one?.reply.toString().slice(before.length, before.length + 32));
  expect(other?.reply.equals(one?.reply ?? Buffer.alloc(0))).toBe(false);
});

test.each([
  ["does not name the command", () => "-ERR unknown command\r\n"],
  ["names it twice", (nonce: string) => `-ERR ${nonce} ${nonce}\r\n`],
  ["is no error", (nonce: string) => `$32\r\n${nonce}\r\n`],
])("an answer that %s is of no use", (_, answer) => {
  const probe = unknownCommand();
  expect(unknownCommandMarkers(probe, Buffer.from(answer(probe.nonce)))).toBeUndefined();
});
