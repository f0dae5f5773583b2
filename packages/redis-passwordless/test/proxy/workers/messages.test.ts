import { expect, test } from "vitest";
import { PasswordlessError } from "../../../src/core/errors.js";
import { Token } from "../../../src/core/token.js";
import type { InstanceStatus } from "../../../src/proxy/status.js";
import { MergedView } from "../../../src/proxy/workers/merged-view.js";
import { Decoder, encode } from "../../../src/proxy/workers/messages.js";

/** What arrives on the other side of a channel between processes. */
const sent = (value: unknown): unknown => structuredClone(encode(value));

const FACTS = {
  username: "oid",
  receivedAtMs: 1,
  expiresAtMs: 2,
  refreshAtMs: undefined,
  details: { tid: "t" },
};

test("an error arrives with its code, rule and remedy", () => {
  const error = new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: "It is away.",
    remedy: "Wait.",
    rule: "connection-refused",
    retryable: true,
    details: { port: 1 },
    cause: new Error("what nobody has cleaned"),
  });
  const server = "localhost:1";
  const { error: arrived } = new Decoder(1).payload("upstreamFailed", sent({ instance: "a", server, error }));
  expect(PasswordlessError.is(arrived)).toBe(true);
  const { code, rule, observed, remedy, retryable, details, docsUrl } = arrived;
  expect({ code, rule, observed, remedy, retryable, details, docsUrl }).toEqual({
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    rule: "connection-refused",
    observed: "It is away.",
    remedy: "Wait.",
    retryable: true,
    details: { port: 1 },
    docsUrl: error.docsUrl,
  });
});

test("of a token the facts arrive, as one object for one token, and never its text", () => {
  const message = sent({ identity: "somebody", token: new Token("the bearer string", FACTS) });
  expect(JSON.stringify(message)).not.toContain("bearer");
  const decoder = new Decoder(2);
  const first = decoder.payload("tokenRefreshed", message);
  expect(first).toMatchObject({ identity: "somebody (worker 2)", token: FACTS });
  expect(first.token.reveal()).toBe("");
  expect(decoder.payload("tokenRefreshed", message).token).toBe(first.token);
});

const instance = (own: Partial<InstanceStatus> & { readonly clients: number }): InstanceStatus => ({
  name: "a",
  endpoint: "a:1",
  listening: ["127.0.0.1:6379"],
  identity: "somebody",
  counters: {
    openClients: own.clients,
    clients: own.clients,
    clientsOverLimit: 0,
    openUpstreams: 0,
    upstreams: 0,
    upstreamFailures: 0,
    reauthentications: 0,
    reauthenticationFailures: 0,
    bytesIn: 10,
    bytesOut: 0,
  },
  maxClients: 5,
  idleClients: 1,
  spareUpstreams: 0,
  lastConnectedAtMs: undefined,
  lastFailure: undefined,
  ...own,
});

const status = (one: InstanceStatus) => ({
  state: "ready" as const,
  startedAtMs: 0,
  instances: [one],
  identities: [],
});

test("several workers are one proxy: sums, and the newest failure unless somebody has connected since", () => {
  const view = new MergedView();
  const error = new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", { message: "a", remedy: "b" });
  view.update(1, status(instance({ clients: 2, lastFailure: { atMs: 5, error } })));
  view.update(2, status(instance({ clients: 3, lastConnectedAtMs: 4 })));
  const [both] = view.status().instances;
  expect(both).toMatchObject({
    listening: ["127.0.0.1:6379"],
    counters: { openClients: 5, bytesIn: 20 },
    maxClients: 10,
    idleClients: 2,
    lastConnectedAtMs: 4,
    lastFailure: { atMs: 5 },
  });
  view.update(2, status(instance({ clients: 3, lastConnectedAtMs: 6 })));
  expect(view.status().instances[0]?.lastFailure).toBeUndefined();
  view.forget(2);
  expect(view.status().instances).toHaveLength(1);
  expect(view.status().state).toBe("starting");
});

test("what a worker has counted is not forgotten with it, for counters only grow", () => {
  const view = new MergedView();
  view.update(1, status(instance({ clients: 2 })));
  view.update(2, status(instance({ clients: 3 })));
  view.forget(2);
  const counters = () => view.status().instances[0]?.counters;
  expect(counters()).toMatchObject({ clients: 5, openClients: 2, bytesIn: 20 });
  expect(view.status().instances[0]).toMatchObject({ maxClients: 5, idleClients: 1 });
  // Its successor begins at nothing, and may end as well.
  view.update(2, status(instance({ clients: 1 })));
  expect(counters()).toMatchObject({ clients: 6, openClients: 3, bytesIn: 30 });
  view.forget(2);
  view.forget(1);
  expect(view.status().instances).toEqual([]);
});
