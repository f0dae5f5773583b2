import { describe, expect, test } from "vitest";
import { Resp2View } from "../../src/inband/resp2-view.js";

const confirmation = (kind: string, channel: string | null, left: number): [string, number] => {
  const name = channel === null ? "_\r\n" : `$${channel.length}\r\n${channel}\r\n`;
  return [`>3\r\n$${kind.length}\r\n${kind}\r\n${name}:${left}\r\n`, left];
};

function shown(view: Resp2View, frame: string, isPush: boolean, lastInteger = 0): string {
  return view.translate(Buffer.from(frame, "latin1"), isPush, lastInteger).toString("latin1");
}

function subscribed(): Resp2View {
  const view = new Resp2View();
  const [frame, left] = confirmation("subscribe", "news", 1);
  expect(shown(view, frame, true, left)).toBe(`*${frame.slice(1)}`);
  return view;
}

describe("pushes become arrays", () => {
  test.each([
    ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
    ">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
    ">3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
    ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\n\r\n_\r\n\r\n",
  ])("%j", (frame) => {
    expect(shown(subscribed(), frame, true)).toBe(`*${frame.slice(1)}`);
  });
});

test("a confirmation without a channel has RESP2's null", () => {
  const [frame] = confirmation("unsubscribe", null, 0);
  expect(shown(new Resp2View(), frame, true, 0)).toBe("*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
});

describe("the reply to PING", () => {
  test("is an array while something is subscribed", () => {
    const view = subscribed();
    expect(shown(view, "+PONG\r\n", false)).toBe("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    expect(shown(view, "$5\r\nhello\r\n", false)).toBe("*2\r\n$4\r\npong\r\n$5\r\nhello\r\n");
  });

  test("is as ever before the first subscription and after the last", () => {
    expect(shown(new Resp2View(), "+PONG\r\n", false)).toBe("+PONG\r\n");
    const view = subscribed();
    const [frame, left] = confirmation("unsubscribe", "news", 0);
    shown(view, frame, true, left);
    expect(shown(view, "+PONG\r\n", false)).toBe("+PONG\r\n");
    expect(shown(view, "$5\r\nhello\r\n", false)).toBe("$5\r\nhello\r\n");
  });
});

test("errors pass as they are", () => {
  const error = "-ERR wrong number of arguments for 'subscribe' command\r\n";
  expect(shown(subscribed(), error, false)).toBe(error);
});

describe("what another connection's client-side caching sends", () => {
  const push = (keys: string): string => `>2\r\n$10\r\ninvalidate\r\n${keys}`;
  const message = (keys: string): string => `*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n${keys}`;
  const KEYS = "*2\r\n$1\r\na\r\n$1\r\nb\r\n";

  test("is a message on its channel", () => {
    expect(shown(subscribed(), push(KEYS), true)).toBe(message(KEYS));
    expect(shown(subscribed(), push("_\r\n"), true)).toBe(message("$-1\r\n"));
    expect(shown(subscribed(), push("$-1\r\n"), true)).toBe(message("$-1\r\n"));
  });

  test("reaches nobody who has subscribed to nothing", () => {
    expect(shown(new Resp2View(), push(KEYS), true)).toBe("");
  });
});
