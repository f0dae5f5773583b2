import { describe, expect, test } from "vitest";
import { UnknownNames } from "../../src/gateway/unknown-name.js";

const NAME = Buffer.from("SELECT");

/** A reply with two marked names in it. */
function marked(names: UnknownNames): Buffer {
  return Buffer.concat([
    Buffer.from("+OK\r\n-ERR unknown command '"),
    names.mark(NAME),
    Buffer.from("'\r\n$1\r\nx\r\n-ERR unknown command '"),
    names.mark(NAME),
    Buffer.from("'\r\n+OK\r\n"),
  ]);
}

const RESTORED =
  "+OK\r\n-ERR unknown command 'SELECT'\r\n$1\r\nx\r\n-ERR unknown command 'SELECT'\r\n+OK\r\n";

describe("UnknownNames", () => {
  test("takes the marks out of the replies, wherever they are cut", () => {
    const { length } = marked(new UnknownNames());
    for (let at = 0; at <= length; at++) {
      const names = new UnknownNames();
      const reply = marked(names);
      const chunks = [reply.subarray(0, at), reply.subarray(at)].map((chunk) => names.restore(chunk));
      expect(Buffer.concat([...chunks, names.rest()]).toString(), `cut at ${at}`).toBe(RESTORED);
    }
    const names = new UnknownNames();
    const bytes = [...marked(names)].map((byte) => names.restore(Buffer.of(byte)));
    expect(Buffer.concat(bytes).toString()).toBe(RESTORED);
  });

  test("does not look at replies while no name is marked", () => {
    const names = new UnknownNames();
    const chunk = Buffer.from("+OK\r\n");
    expect(names.restore(chunk)).toBe(chunk);
    names.restore(marked(names));
    expect(names.restore(chunk)).toBe(chunk);
  });

  test("gives up what it holds when the server has ended", () => {
    const names = new UnknownNames();
    const mark = names.mark(Buffer.alloc(0));
    expect(names.restore(mark.subarray(0, 5))).toHaveLength(0);
    expect(names.rest()).toEqual(mark.subarray(0, 5));
  });
});
