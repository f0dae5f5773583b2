import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, type Identity, startEmulator } from "../../src/index.js";
import { askAuthority, askImds, claimsIn, claimsOf, type Response, request } from "../support/http.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterEach(() => azure.clearFaults());

afterAll(() => azure.close());

function call(method: string, path: string, body?: unknown, headers = {}): Promise<Response> {
  return request(azure.controlUrl + path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

test("the overview has every address and identity, and no password of the server", async () => {
  const { body, text } = await call("GET", "/");
  expect(body).toMatchObject({
    tenantId: azure.tenantId,
    authorityHost: azure.authorityHost,
    imdsHost: azure.imdsHost,
    appService: azure.appService,
    federationIssuer: azure.federationIssuer,
    caFile: azure.caFile,
    redis: {
      host: "localhost",
      port: azure.redis.port,
      plaintextPort: azure.redis.plaintextPort,
      nodes: [{ host: "localhost", port: azure.redis.port }],
    },
    identities: [azure.systemIdentity, azure.userIdentity, azure.servicePrincipal, azure.developer],
  });
  expect(text).not.toContain(azure.redis.backendUrl);
});

test("the CA's certificate can be fetched", async () => {
  expect((await call("GET", "/ca.pem")).text).toBe(azure.caCertificate);
});

describe("environment", () => {
  test("is that of the identity named, by kind or by object ID", async () => {
    expect((await call("GET", "/env")).body).toEqual(azure.env());
    expect((await call("GET", "/env?identity=servicePrincipal")).body).toEqual(
      azure.env(azure.servicePrincipal),
    );
    const byId = await call("GET", `/env?identity=${azure.userIdentity.objectId}&endpoint=appService`);
    expect(byId.body).toEqual(azure.env(azure.userIdentity, { managedIdentityEndpoint: "appService" }));
    const connected = await call("GET", "/env?identity=user&serviceConnector=true");
    expect(connected.body).toEqual(azure.env(azure.userIdentity, { serviceConnector: true }));
    const prefixed = await call("GET", "/env?identity=user&serviceConnector=CACHE");
    expect(prefixed.body).toHaveProperty("CACHE_HOST");
    expect((await call("GET", "/env?serviceConnector=A-B")).status).toBe(400);
  });

  test("of nobody is not found", async () => {
    expect((await call("GET", "/env?identity=nobody")).status).toBe(404);
    expect((await call("GET", "/env?endpoint=arc")).status).toBe(400);
  });
});

describe("identities", () => {
  test("are added, assigned, revoked and removed", async () => {
    const added = await call("POST", "/identities", { kind: "user", accessPolicy: null });
    expect(added.status).toBe(201);
    const identity = added.body as unknown as Identity;
    await expect(connectRedis(azure, identity)).rejects.toThrow(/WRONGPASS/);

    const policy = `/identities/${identity.objectId}/access-policy`;
    expect((await call("PUT", policy, { policy: "Data Reader" })).status).toBe(200);
    (await connectRedis(azure, identity)).destroy();
    expect((await call("DELETE", policy)).status).toBe(200);
    await expect(connectRedis(azure, identity)).rejects.toThrow(/WRONGPASS/);

    expect((await call("DELETE", `/identities/${identity.objectId}`)).status).toBe(200);
    expect((await call("GET", "/identities")).text).not.toContain(identity.objectId);
  });

  test("a service principal gets a secret", async () => {
    const { body } = await call("POST", "/identities", { kind: "servicePrincipal" });
    expect(body).toMatchObject({ kind: "servicePrincipal", secret: expect.any(String) as string });
  });

  test("a service principal can be added with all that it has", async () => {
    const init = {
      objectId: crypto.randomUUID(),
      clientId: crypto.randomUUID(),
      secret: "s",
      secretExpired: true,
      accessPolicy: "Data Reader",
      tokenLifetimeMs: 5000,
      federatedCredentials: [{ issuer: "i", subject: "s", audience: "a" }],
    };
    const { status, body } = await call("POST", "/identities", { kind: "servicePrincipal", ...init });
    expect(status).toBe(201);
    expect(body).toEqual({
      kind: "servicePrincipal",
      objectId: init.objectId,
      clientId: init.clientId,
      secret: "s",
    });
  });

  test.each([
    [{ kind: "arc" }, 400],
    [{ kind: "user", colour: "blue" }, 400],
    [{ kind: "user", tokenLifetimeMs: 1 }, 400],
    [{ kind: "user", objectId: 1 }, 400],
    [{ kind: "user", federatedCredentials: [{ issuer: "i" }] }, 400],
    [{ kind: "servicePrincipal", federatedCredentials: {} }, 400],
    [{ kind: "servicePrincipal", certificates: "PEM" }, 400],
    [{ kind: "servicePrincipal", secretExpired: "yes" }, 400],
    [{ kind: "servicePrincipal", certificates: ["not PEM"] }, 409],
  ])("%j is refused", async (body, status) => {
    expect((await call("POST", "/identities", body)).status).toBe(status);
  });

  test("what is not there is said to be not there", async () => {
    expect((await call("DELETE", "/identities/nobody")).body["error"]).toContain("no identity");
    expect((await call("PUT", "/identities/nobody/access-policy", {})).body["error"]).toContain('"policy"');
  });
});

test("the lifetime of tokens can be set, for all or for one", async () => {
  const { objectId, clientId } = azure.userIdentity;
  await call("PUT", "/token-lifetime", { lifetimeMs: 600_000 });
  await call("PUT", "/token-lifetime", { lifetimeMs: 60_000, objectId });
  expect((await askImds(azure)).body["expires_in"]).toMatch(/^(600|599)$/);
  expect((await askImds(azure, { client_id: clientId })).body["expires_in"]).toMatch(/^(60|59)$/);
  expect((await call("PUT", "/token-lifetime", { lifetimeMs: "long" })).status).toBe(400);
  expect((await call("PUT", "/token-lifetime", {})).status).toBe(400);
});

test("the clock can be moved and read", async () => {
  try {
    expect((await call("PUT", "/clock", { offsetMs: 86_400_000 })).body["offsetMs"]).toBe(86_400_000);
    const { body } = await call("GET", "/clock");
    expect(Math.abs(Number(body["nowMs"]) - Date.now() - 86_400_000)).toBeLessThan(5000);
  } finally {
    azure.setClockOffset(0);
  }
});

describe("faults", () => {
  test("are injected, counted and removed", async () => {
    const fault = { target: "imds", fault: { kind: "status", status: 503, retryAfter: "1" } };
    const injected = await call("POST", "/faults", fault);
    expect(injected.status).toBe(201);
    const path = `/faults/${String(injected.body["id"])}`;
    expect((await askImds(azure)).status).toBe(503);
    expect((await call("GET", path)).body["applied"]).toBe(1);
    expect((await call("GET", "/faults")).text).toContain(String(injected.body["id"]));
    expect((await call("DELETE", path)).body["applied"]).toBe(1);
    expect((await askImds(azure)).status).toBe(200);
    expect((await call("DELETE", path)).status).toBe(404);
  });

  test("at logins have the target redis", async () => {
    await call("POST", "/faults", { target: "redis", fault: { kind: "refuse" }, times: 1 });
    await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow(/WRONGPASS/);
    (await connectRedis(azure, azure.userIdentity)).destroy();
  });

  test("all end together", async () => {
    await call("POST", "/faults", { target: "all", fault: { kind: "reset" } });
    await call("POST", "/faults", { target: "redis", fault: { kind: "close" } });
    await call("DELETE", "/faults");
    expect((await askImds(azure)).status).toBe(200);
    expect((await call("GET", "/faults")).body).toEqual([]);
  });

  test.each([
    {},
    { target: "imds" },
    { target: "moon", fault: { kind: "hang" } },
    { target: "imds", fault: { kind: "refuse" } },
    { target: "redis", fault: { kind: "malformed" } },
    { target: "imds", fault: { kind: "status", status: 99 } },
    { target: "imds", fault: { kind: "delay" } },
    { target: "imds", fault: { kind: "hang" }, times: 0 },
    { target: "imds", fault: { kind: "hang" }, time: 1 },
  ])("%j is refused with a reason", async (body) => {
    const response = await call("POST", "/faults", body);
    expect(response.status).toBe(400);
    expect(response.body["error"]).toMatch(/\w/);
  });
});

describe("tokens", () => {
  test("are signed with claims of one's own; null leaves a claim out", async () => {
    const { objectId } = azure.userIdentity;
    const { body } = await call("POST", "/tokens", { objectId, claims: { aud: "other", nbf: null } });
    const claims = claimsOf(String(body["token"]));
    expect(claims).toMatchObject({ oid: objectId, aud: "other" });
    expect(claims).not.toHaveProperty("nbf");
  });

  test("federated ones are of the emulator's issuer", async () => {
    const { body } = await call("POST", "/federated-tokens", { subject: "s", expiresInMs: 1000 });
    expect(claimsOf(String(body["token"]))).toMatchObject({
      iss: azure.federationIssuer,
      sub: "s",
      aud: "api://AzureADTokenExchange",
    });
  });
});

test("connections can be broken and the server restarted", async () => {
  const client = await connectRedis(azure, azure.userIdentity);
  const killed = azure.waitFor("disconnected", ({ reason }) => reason === "killed");
  expect((await call("POST", "/redis/kill", { objectId: azure.userIdentity.objectId })).body["killed"]).toBe(
    1,
  );
  await killed;
  client.destroy();
  expect((await call("POST", "/redis/restart")).status).toBe(200);
  (await connectRedis(azure, azure.userIdentity)).destroy();
});

describe("events", () => {
  test("are read from an index on, by type", async () => {
    const since = azure.events.length;
    const { uti } = claimsIn(await askImds(azure));
    const { body } = await call("GET", `/events?since=${since}&type=tokenRequest`);
    expect(body).toMatchObject({ events: [{ type: "tokenRequest", tokenId: uti }] });
    expect(body["next"]).toBeGreaterThan(since);
    expect((await call("GET", `/events?since=${since}&type=login`)).body["events"]).toEqual([]);
  });

  test("a long poll ends with the next event", async () => {
    const poll = call("GET", `/events?since=${azure.events.length}&timeoutMs=20000&type=tokenRequest`);
    await askImds(azure);
    expect((await poll).body["events"]).toHaveLength(1);
  });

  test("a long poll ends without one after its time", async () => {
    const since = azure.events.length;
    const { body } = await call("GET", `/events?since=${since}&timeoutMs=1&type=login`);
    expect(body["events"]).toEqual([]);
    expect((await call("GET", "/events?since=-1")).status).toBe(400);
  });

  test("are counted", async () => {
    const { body } = await call("GET", "/counters");
    expect(body).toMatchObject({ tokenRequests: expect.any(Number) as number });
  });
});

describe("who may call", () => {
  test("no web page: neither from another origin nor under another name", async () => {
    expect((await call("GET", "/", undefined, { Origin: "https://example.org" })).status).toBe(403);
    expect((await call("GET", "/", undefined, { Host: "attacker.example:80" })).status).toBe(403);
  });

  test("an unknown path and a wrong method are told apart", async () => {
    expect((await call("GET", "/nothing")).status).toBe(404);
    const { status, body } = await call("GET", "/redis/kill");
    expect(status).toBe(405);
    expect(body["error"]).toContain("POST");
  });

  test("a body that is no JSON object is refused", async () => {
    expect((await request(`${azure.controlUrl}/clock`, { method: "PUT", body: "{" })).status).toBe(400);
    expect((await request(`${azure.controlUrl}/clock`, { method: "PUT", body: "[]" })).status).toBe(400);
  });
});

test("the cache is set up: Entra ID, the number of clients, TLS, its certificate", async () => {
  const login = () => connectRedis(azure, azure.userIdentity);
  const set = async (path: string, broken: unknown, whole: unknown, refusal: RegExp) => {
    expect((await call("PUT", path, broken)).status).toBe(200);
    await expect(login()).rejects.toThrow(refusal);
    expect((await call("PUT", path, whole)).status).toBe(200);
    (await login()).destroy();
  };
  await set("/redis/entra-id", { enabled: false }, { enabled: true }, /^WRONGPASS/);
  // A client that asks at once may be told before it has asked: one that only listens hears it all.
  expect((await call("PUT", "/redis/max-clients", { count: 0 })).status).toBe(200);
  const { port } = azure.redis;
  const oneTooMany = await RawClient.connect({ port, ca: azure.caCertificate });
  expect(await oneTooMany.frames(1)).toEqual(["-ERR max number of clients reached\r\n"]);
  await oneTooMany.closed;
  expect((await call("PUT", "/redis/max-clients", { count: null })).status).toBe(200);
  (await login()).destroy();
  await set("/redis/outdated-tls", { version: "TLSv1.1" }, { version: null }, /protocol version/);
  expect((await call("POST", "/redis/certificate", { node: 0, state: "expired" })).status).toBe(200);
  await expect(login()).rejects.toThrow("certificate has expired");
  expect((await call("POST", "/redis/certificate", { node: 0, names: null })).status).toBe(200);
  (await login()).destroy();
  for (const [method, path, body] of [
    ["PUT", "/redis/entra-id", {}],
    ["PUT", "/redis/max-clients", { count: "many" }],
    ["PUT", "/redis/outdated-tls", { version: "SSLv3" }],
    ["POST", "/redis/certificate", { node: 0 }],
    ["POST", "/redis/certificate", { node: 0, state: "old" }],
  ] as const) {
    expect((await call(method, path, body)).status, path).toBe(400);
  }
});

test("connections and the authority fail by request", async () => {
  const target = "redisConnections";
  const closes = await call("POST", "/faults", { target, fault: { kind: "close" }, times: 1, node: 0 });
  expect(closes.status).toBe(201);
  await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow();
  expect((await call("GET", `/faults/${String(closes.body["id"])}`)).body).toMatchObject({ applied: 1 });
  const fault = { kind: "entraError", number: 53003 };
  expect((await call("POST", "/faults", { target: "authority", fault, times: 1 })).status).toBe(201);
  expect((await askAuthority(azure)).text).toContain("AADSTS53003");
  expect((await call("POST", "/faults", { target, fault: { kind: "melt" } })).status).toBe(400);
  expect((await call("POST", "/faults", { target, fault: { kind: "close" }, node: 7 })).status).toBe(400);
});
