import { describe, expect, test } from "vitest";
import { ReplyLedger } from "../../src/gateway/reply-ledger.js";

/** A ledger and what became of the logins in it, in order. */
class Book {
  readonly ledger = new ReplyLedger();
  readonly outcomes: string[] = [];

  login(name: string, command: "AUTH" | "HELLO" = "AUTH"): this {
    this.ledger.login({
      command,
      confirmed: () => void this.outcomes.push(`${name} confirmed`),
      failed: (reason) => void this.outcomes.push(`${name}: ${reason}`),
    });
    return this;
  }

  command(...args: string[]): this {
    this.ledger.special(
      args[0]!,
      args.map((arg) => Buffer.from(arg)),
    );
    return this;
  }

  refused(): this {
    this.ledger.refused("AUTH");
    return this;
  }

  /** Byte by byte: nothing may depend on how replies arrive. */
  receive(text: string): this {
    for (const byte of Buffer.from(text)) this.ledger.receive(Buffer.of(byte));
    return this;
  }
}

const LOST = "the server's answer cannot be told from its other replies";
const message = (type: string): string => `${type}3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\n+OK\r\n`;
const confirmation = (type: string, verb: string, left: number): string =>
  `${type}3\r\n$${verb.length}\r\n${verb}\r\n$1\r\na\r\n:${left}\r\n`;

describe("ReplyLedger", () => {
  test("gives each login its own reply", () => {
    const book = new Book().command("GET", "k").login("first").command("SET", "k", "v").login("second");
    book.receive("$-1\r\n+OK\r\n");
    expect(book.outcomes).toEqual(["first confirmed"]);
    book.receive("+OK\r\n-WRONGPASS no\r\n");
    expect(book.outcomes).toEqual(["first confirmed", "second: WRONGPASS no"]);
  });

  test("counts no push as a reply", () => {
    const book = new Book().login("login").receive(`${message(">")}+OK\r\n`);
    expect(book.outcomes).toEqual(["login confirmed"]);
  });

  test("accepts the map and the array that HELLO answers", () => {
    const book = new Book().login("resp3", "HELLO").login("resp2", "HELLO");
    book.receive("%1\r\n+server\r\n+redis\r\n*2\r\n+server\r\n+redis\r\n");
    expect(book.outcomes).toEqual(["resp3 confirmed", "resp2 confirmed"]);
  });

  test.each([
    ["answered", "+PONG\r\n-WRONGPASS no\r\n+PONG\r\n+OK\r\n"],
    ["dropped by the server", "+PONG\r\n+PONG\r\n+OK\r\n"],
  ])("finds the login behind a refused one that is %s", (_, replies) => {
    const book = new Book().command("PING").refused().command("PING").login("login").receive(replies);
    expect(book.outcomes).toEqual(["login confirmed"]);
  });

  test.each([
    ["in RESP3", ">"],
    ["in RESP2", "*"],
  ])("counts a confirmation for each channel %s", (_, type) => {
    const book = new Book().command("HELLO", "3").receive(type === ">" ? "%0\r\n" : "*0\r\n");
    book.command("SUBSCRIBE", "a", "b").command("UNSUBSCRIBE", "a", "b").login("login");
    book.receive(confirmation(type, "subscribe", 1) + message(type) + confirmation(type, "subscribe", 2));
    book.receive(message(type) + confirmation(type, "unsubscribe", 1) + confirmation(type, "unsubscribe", 0));
    expect(book.outcomes).toEqual([]);
    expect(book.receive("+OK\r\n").outcomes).toEqual(["login confirmed"]);
  });

  test.each([
    ["nothing", 1],
    ["three channels", 3],
  ])("takes an UNSUBSCRIBE without arguments from %s as one command", (_, count) => {
    const book = new Book().command("UNSUBSCRIBE").command("PING").login("login");
    book.receive(confirmation("*", "unsubscribe", 0).repeat(count)).receive("+PONG\r\n+OK\r\n");
    expect(book.outcomes).toEqual(["login confirmed"]);
  });

  test("takes the error of a SUBSCRIBE as its only reply", () => {
    const book = new Book().command("SUBSCRIBE", "a", "b").login("login").receive("-NOPERM no\r\n+OK\r\n");
    expect(book.outcomes).toEqual(["login confirmed"]);
  });

  test("does not take an array for a message on a connection without subscriptions", () => {
    const book = new Book()
      .command("LRANGE", "k", "0", "-1")
      .login("login")
      .receive(`${message("*")}+OK\r\n`);
    expect(book.outcomes).toEqual(["login confirmed"]);
  });

  test.each([
    ["EXEC runs it", "EXEC", "*1\r\n+OK\r\n", "login confirmed"],
    ["EXEC aborts", "EXEC", "-EXECABORT no\r\n", "login: its transaction was not executed"],
    ["a watched key changed", "EXEC", "*-1\r\n", "login: its transaction was not executed"],
    ["a watched key changed, in RESP3", "EXEC", "_\r\n", "login: its transaction was not executed"],
    ["DISCARD", "DISCARD", "+OK\r\n", "login: its transaction was not executed"],
    ["RESET", "RESET", "+RESET\r\n", "login: RESET discarded its transaction"],
  ])("decides about a queued login when %s", (_, end, reply, outcome) => {
    const book = new Book().command("MULTI").login("login").command(end).receive("+OK\r\n+QUEUED\r\n");
    expect(book.outcomes).toEqual([]);
    expect(book.receive(reply).outcomes).toEqual([outcome]);
    expect(book.login("next").receive("+OK\r\n").outcomes).toEqual([outcome, "next confirmed"]);
  });

  test.each<readonly [string, (book: Book) => Book]>([
    ["CLIENT REPLY", (book) => book.command("CLIENT", "REPLY", "SKIP")],
    ["MONITOR", (book) => book.command("MONITOR")],
    ["SYNC", (book) => book.command("SYNC")],
    [
      "SUBSCRIBE inside MULTI",
      (book) => book.command("MULTI").command("SUBSCRIBE", "a").receive("+OK\r\n+QUEUED\r\n"),
    ],
    ["a refused login inside MULTI", (book) => book.command("MULTI").refused().receive("+OK\r\n+QUEUED\r\n")],
    ["a reply to nothing", (book) => book.receive("+OK\r\n")],
    ["a reply that is none", (book) => book.command("PING").receive("?\r\n")],
    ["an impossible reply to a login", (book) => book.login("x").receive(":1\r\n")],
  ])("confirms no login any more after %s", (_, spoil) => {
    const book = spoil(new Book());
    expect(book.ledger.isLost).toBe(true);
    expect(book.login("login").receive("+OK\r\n").outcomes.at(-1)).toBe(`login: ${LOST}`);
  });

  test("goes on counting after other CLIENT commands", () => {
    const book = new Book().command("CLIENT", "ID").login("login").receive(":7\r\n+OK\r\n");
    expect(book.outcomes).toEqual(["login confirmed"]);
  });

  test("fails what is open when the connection ends", () => {
    const book = new Book().command("MULTI").login("queued").login("sent").receive("+OK\r\n+QUEUED\r\n");
    book.ledger.lose("over");
    expect(book.outcomes).toEqual(["queued: over", "sent: over"]);
  });
});
