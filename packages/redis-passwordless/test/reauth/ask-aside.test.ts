import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, type TestContext, test, vi } from "vitest";
import { opened } from "../../src/adapters/opened.js";
import { Token } from "../../src/core/token.js";
import { askAside, type Dial } from "../../src/reauth/probe.js";

// The connection on which a server is asked aside is open before there is a token: it may end meanwhile, and so may
// the wait.

type Ending = Pick<TestContext, "onTestFinished">;

const NEVER = new AbortController().signal;

/** A server that says nothing, and what is known of both ends of the connections to it. */
async function silentServer(context: Ending) {
  const accepted: Socket[] = [];
  const dialed: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.onTestFinished(() => {
    for (const socket of [...accepted, ...dialed]) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const dial: Dial = (signal) => {
    const socket = connect({ host: "127.0.0.1", port });
    dialed.push(socket);
    return opened(socket, "connect", signal);
  };
  const connected = () =>
    vi.waitFor(() => expect([accepted.length, dialed[0]?.connecting]).toEqual([1, false]));
  return { dial, accepted, dialed, connected };
}

function awaited() {
  let resolve: (token: Token) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<Token>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

const TOKEN = new Token("secret", {
  username: "user",
  receivedAtMs: 0,
  expiresAtMs: Date.now() + 60_000,
  refreshAtMs: undefined,
  details: {},
});

test("a connection that is reset while the token is awaited fails the question, and nothing else", async (context) => {
  const { dial, accepted, dialed, connected } = await silentServer(context);
  const token = awaited();
  const asking = askAside(dial, "cache", token.promise, ["PING"], NEVER);
  await connected();
  // Not `once`, which would listen for the error too.
  const closed = new Promise((resolve) => dialed[0]!.on("close", resolve));
  accepted[0]!.resetAndDestroy();
  await closed;
  token.resolve(TOKEN);
  await expect(asking).rejects.toThrow();
});

test("a token that comes after the question was given up leaves no connection behind", async (context) => {
  const { dial, dialed, connected } = await silentServer(context);
  const token = awaited();
  const late = new AbortController();
  const asking = askAside(dial, "cache", token.promise, ["PING"], late.signal);
  await connected();
  late.abort(new Error("too late"));
  token.resolve(TOKEN);
  await expect(asking).rejects.toThrow("too late");
  expect(dialed[0]!.destroyed).toBe(true);
});

test("a question that is given up does not hold its connection while the token is awaited", async (context) => {
  const { dial, dialed, connected } = await silentServer(context);
  const late = new AbortController();
  const asking = askAside(dial, "cache", awaited().promise, ["PING"], late.signal);
  await connected();
  late.abort(new Error("too late"));
  await expect(asking).rejects.toThrow("too late");
  expect(dialed[0]!.destroyed).toBe(true);
});

test("without a token, a connection that is still being opened is given up", async () => {
  const refused = new Error("the identity is refused");
  let given: AbortSignal = NEVER;
  const dial: Dial = (signal) => {
    given = signal;
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  await expect(askAside(dial, "cache", Promise.reject(refused), ["PING"], NEVER)).rejects.toBe(refused);
  expect(given.aborted).toBe(true);
});
