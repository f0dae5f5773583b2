import { describe, expect, test } from "vitest";
import { encodeCommand, parseCommand } from "../src/index.js";

describe("encodeCommand", () => {
  test("counts bytes, not characters", () => {
    expect(encodeCommand(["SET", "ü", Buffer.from([0, 255])]).toString("latin1")).toBe(
      "*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xbc\r\n$2\r\n\x00\xff\r\n",
    );
  });
});

describe("parseCommand", () => {
  const argsOf = (text: string): string[] =>
    parseCommand(Buffer.from(text, "latin1")).map((arg) => arg.toString("latin1"));

  test("reads back what encodeCommand wrote", () => {
    expect(parseCommand(encodeCommand(["A", "", "b\r\nc"])).map(String)).toEqual(["A", "", "b\r\nc"]);
  });

  test("returns views into an array command, no copies", () => {
    const bytes = encodeCommand(["GET", "key"]);
    expect(parseCommand(bytes)[1]!.buffer).toBe(bytes.buffer);
  });

  test.each<readonly [string, readonly string[]]>([
    ["PING\r\n", ["PING"]],
    ["  set  a\tb \n", ["set", "a", "b"]],
    ['set \'a b\' "c\\n\\x41\\""\r\n', ["set", "a b", 'c\nA"']],
    ["set 'it\\'s' ''\r\n", ["set", "it's", ""]],
    ["\v\fset 'a'\vb\fc\xa0d\r\n", ["set", "a", "b\fc\xa0d"]],
  ])("splits the inline command %j as Redis does", (line, args) => {
    expect(argsOf(line)).toEqual(args);
  });

  test.each(["*2\r\n$3\r\nGET\r\n", "*1\r\n$9\r\nGET\r\n", "*x\r\n", "set 'a\r\n", "set 'a'b\r\n"])(
    "refuses %j",
    (text) => {
      expect(() => argsOf(text)).toThrow(expect.objectContaining({ code: "ERR_RESP_SYNTAX" }));
    },
  );
});
