import { encodeCommand } from "resp-framing";
import { expect, test } from "vitest";
import { LostTransaction } from "../../src/inband/lost-transaction.js";
import { Transactions } from "../../src/inband/transactions.js";

test("whoever waits is called when EXEC is written, at once and in order", () => {
  const transactions = new Transactions();
  const called: string[] = [];
  transactions.whenOver(() => called.push("before"));
  transactions.begin();
  transactions.whenOver(() => called.push("first"));
  transactions.whenOver(() => called.push("second"));
  expect([transactions.isOpen, called]).toEqual([true, ["before"]]);
  transactions.end();
  transactions.release();
  expect([transactions.isOpen, called]).toEqual([false, ["before", "first", "second"]]);
});

test("a transaction is ending until the reply to EXEC is there", () => {
  const transactions = new Transactions();
  transactions.begin();
  expect(transactions.state).toBe("open");
  transactions.end();
  expect(transactions.state).toBe("ending");
  transactions.confirm();
  expect(transactions.state).toBe("none");
});

test("the reply to an EXEC does not close the transaction that was begun behind it", () => {
  const transactions = new Transactions();
  transactions.begin();
  transactions.end();
  transactions.begin();
  transactions.confirm();
  expect(transactions.state).toBe("open");
});

test("what Redis may have refused leaves the transaction open until it is known", () => {
  const transactions = new Transactions();
  const called: string[] = [];
  transactions.begin();
  const answer = transactions.mayEnd();
  transactions.whenOver(() => called.push("over"));
  transactions.confirm();
  // A connection that is lost now may have been through with it.
  expect([transactions.isOpen, transactions.state, called]).toEqual([true, "ending", []]);
  answer(false);
  expect([transactions.isOpen, transactions.state, called]).toEqual([true, "open", []]);
  transactions.mayEnd()(true);
  expect([transactions.isOpen, transactions.state, called]).toEqual([false, "none", ["over"]]);
});

test.each(["begin", "end", "abandon"] as const)("an answer that comes after the next %s is late", (next) => {
  const transactions = new Transactions();
  transactions.begin();
  const answer = transactions.mayEnd();
  transactions[next]();
  const { state, isOpen } = transactions;
  answer(true);
  expect([transactions.state, transactions.isOpen]).toEqual([state, isOpen]);
  expect(isOpen).toBe(next === "begin");
});

test("EXEC without MULTI changes nothing", () => {
  const transactions = new Transactions();
  transactions.end();
  expect(transactions.state).toBe("none");
});

test("when the connection is gone, nobody waits any longer", () => {
  const transactions = new Transactions();
  let isCalled = false;
  transactions.begin();
  transactions.whenOver(() => {
    isCalled = true;
  });
  transactions.abandon();
  expect([transactions.state, isCalled]).toEqual(["none", true]);
});

test("the rest of a lost transaction is refused up to its EXEC", () => {
  const lost = new LostTransaction("open");
  expect(["SET", "GET", "EXEC"].map((name) => lost.judge(name))).toEqual(["refuse", "refuse", "refuseLast"]);
  expect(lost.answer.toString()).toMatch(/^-EXECABORT [^\r\n]+\r\n$/);
});

test.each(["MULTI", "RESET"])("%s begins anew", (name) => {
  const lost = new LostTransaction("open");
  expect(lost.judge(name)).toBe("over");
});

test("when EXEC was under way, what the client sends again at once decides", () => {
  const again = (...names: string[]): string => {
    const lost = new LostTransaction("ending");
    expect(lost.judge("SET")).toBe("lookAhead");
    lost.lookAhead(names.map((name) => encodeCommand([name])));
    return lost.judge("SET");
  };
  expect(again("SET", "EXEC")).toBe("refuse");
  expect(again("SET", "DISCARD")).toBe("refuse");
  expect(again("SET", "SET")).toBe("over");
  expect(again()).toBe("over");
  // A transaction of its own: its EXEC does not belong to the lost one.
  expect(again("SET", "MULTI", "EXEC")).toBe("over");
});
