import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.js";
import { examine } from "../../../src/diagnose/index.js";
import { address, examined, notOk, principal, rules, step } from "./examined.js";

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator({ redis: { cluster: { announce: "ip" }, accessKey: true } });
});
afterAll(() => azure.close());
afterEach(async () => {
  azure.clearFaults();
  azure.setClockOffset(0);
  for (const node of azure.redis.nodes.keys()) await azure.redis.useCertificate(node, null);
});

const REFUSED = "connection-refused certain error";

describe("what is wrong with the environment", () => {
  test("without a server, nothing can be examined", async () => {
    const report = await examined(azure, { endpoint: "cache.example" });
    expect(rules(report)).toEqual(["err_passwordless_invalid_option certain error"]);
    expect(step(report, "tcp").status).toBe("skipped");
    expect(report.endpoint).toBeUndefined();
  });

  test("with a login that contradicts itself, the server is examined all the same", async () => {
    const identity = { clientSecret: "a-secret-of-somebody" };
    const report = await examined(azure, { identity });
    expect(step(report, "environment").status).toBe("failed");
    expect(step(report, "tls").status).toBe("ok");
    expect(step(report, "login").status).toBe("skipped");
    expect(step(report, "ping").summary).toContain("NOAUTH");
    expect(report.isHealthy).toBe(false);
  });
});

describe("what is wrong on the way to the server leaves the identity to be examined", () => {
  test("a name that nobody knows", async () => {
    const resolver = {
      lookup: () => Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" })),
      cname: () => Promise.resolve(undefined),
    };
    const endpoint = "my-cache.westus3.redis.azure.net";
    const report = await examined(azure, { endpoint, identity: principal(azure), around: { resolver } });
    expect(rules(report)).toEqual(["host-not-found certain error"]);
    expect(step(report, "claims").facts["objectId"]).toBe(azure.servicePrincipal.objectId);
  });

  test("a name that leads into a private zone, and from there nowhere, shows the zone", async () => {
    const names: Record<string, string> = {
      "my-cache.westus3.redis.azure.net": "my-cache.westus3.privatelink.redis.azure.net",
    };
    const resolver = {
      lookup: () => Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" })),
      cname: (host: string) => Promise.resolve(names[host]),
    };
    const endpoint = "my-cache.westus3.redis.azure.net";
    const report = await examined(azure, { endpoint, identity: principal(azure), around: { resolver } });
    expect(report.findings[0]?.rule).toBe("host-not-found");
    expect(step(report, "dns").facts["aliases"]).toEqual(Object.values(names));
  });

  test("a public address behind a private zone, where nobody answers", async () => {
    const resolver = {
      lookup: () => Promise.resolve([{ address: "192.0.2.1", family: 4 }]),
      cname: (host: string) =>
        Promise.resolve(host.includes("privatelink") ? undefined : "my-cache.privatelink.redis.azure.net"),
    };
    const report = await examined(azure, {
      endpoint: "my-cache.westus3.redis.azure.net",
      identity: principal(azure),
      around: { resolver },
      timeoutMs: 2_000,
    });
    expect(report.findings[0]?.rule).toBe("private-dns-zone-missing");
  });

  test("a port at which nobody listens", async () => {
    const report = await examined(azure, { endpoint: "localhost:1" });
    expect(rules(report)).toEqual([REFUSED]);
    expect(step(report, "token").status).toBe("ok");
    expect(step(report, "tls").summary).toBe("there is no TCP connection");
  });

  test("a certificate for other names, which are shown", async () => {
    await azure.redis.useCertificate(0, ["*.westeurope.redis.azure.net"]);
    const report = await examined(azure);
    expect(rules(report)).toEqual(["certificate-name-mismatch certain error"]);
    expect(report.findings[0]?.evidence["certificateNames"]).toBe("*.westeurope.redis.azure.net");
    expect(step(report, "claims").status).toBe("ok");
  });

  test("a certificate of an unknown authority, which is shown too", async () => {
    const report = await examined(azure, { ca: [] });
    expect(report.findings[0]?.rule).toBe("certificate-untrusted");
    expect(step(report, "tls").facts["certificate"]).toMatchObject({ names: ["localhost"] });
  });

  test("a port without TLS", async () => {
    const report = await examined(azure, { endpoint: `localhost:${azure.redis.plaintextPort}` });
    expect(rules(report)).toEqual(["plaintext-port certain error"]);
  });

  test("two independent causes are both told, in the order of the path", async () => {
    const identity = principal(azure, {
      clientId: azure.servicePrincipal.clientId,
      secret: "not-the-secret",
    });
    const report = await examined(azure, { endpoint: "localhost:1", identity });
    expect(rules(report)).toEqual([REFUSED, "client-secret-wrong certain error"]);
  });
});

describe("what is wrong with the identity leaves the server to be examined", () => {
  test("without a token, Redis still shows that it is there", async () => {
    const identity = principal(azure, {
      clientId: azure.servicePrincipal.clientId,
      secret: "not-the-secret",
    });
    const report = await examined(azure, { identity });
    expect(rules(report)).toEqual(["client-secret-wrong certain error"]);
    expect(step(report, "ping").summary).toContain("wants a login");
    expect(notOk(report)).toContain("login skipped");
  });

  test("an ID of the wrong kind is tried as the other kinds, and then certain", async () => {
    const { objectId } = azure.userIdentity;
    const report = await examined(azure, { identity: { managedIdentity: { clientId: objectId } } });
    expect(rules(report)).toEqual(["managed-identity-id-of-wrong-kind certain error"]);
    expect(report.findings[0]?.evidence).toMatchObject({ selector: "clientId", worksAs: "objectId" });
  });

  test("an ID of nobody here is not called one of the wrong kind", async () => {
    const clientId = "11111111-2222-4333-8444-555555555555";
    const report = await examined(azure, { identity: { managedIdentity: { clientId } } });
    expect(rules(report)).toEqual(["managed-identity-not-attached likely error"]);
  });

  test("a hiccup of the token endpoint is tried again", async () => {
    azure.injectFault("imds", { kind: "status", status: 503 }, { times: 1 });
    const report = await examined(azure);
    expect(report.isHealthy).toBe(true);
    expect(step(report, "token").facts["attempts"]).toBe(2);
  });

  test("a token for somebody else is found in its claims", async () => {
    const token = () => azure.issueToken(azure.systemIdentity.objectId, { aud: "https://vault.azure.net" });
    const identity = { identityProvider: async () => ({ token: await token() }) };
    const report = await examined(azure, { identity });
    expect(rules(report)).toEqual(["audience-mismatch certain error"]);
    expect([step(report, "token").status, step(report, "claims").status]).toEqual(["ok", "failed"]);
  });

  test("a clock that is behind is a warning as long as Redis lets us in", async () => {
    azure.setClockOffset(3 * 60_000);
    const report = await examined(azure);
    expect(report.isHealthy).toBe(true);
    expect(rules(report)).toEqual(["clock-skew certain warning"]);
    expect(report.findings[0]?.observed).toContain("3 min behind");
  });
});

describe("what Redis refuses", () => {
  test("a login without an access policy stops there, and names what else it may be", async () => {
    const identity = principal(azure, azure.addServicePrincipal({ accessPolicy: null }));
    const report = await examined(azure, { identity });
    expect(rules(report)).toEqual(["access-policy-missing likely error"]);
    expect(report.findings[0]?.alternatives.map(({ rule }) => rule)).toContain("entra-id-disabled");
    expect(step(report, "topology").status).toBe("skipped");
  });

  test("a node with another certificate is the node's, and found among the others", async () => {
    await azure.redis.useCertificate(2, ["other.example"]);
    const report = await examined(azure);
    expect(report.findings.map(({ step }) => step)).toEqual(["nodes"]);
    expect(step(report, "nodes").summary).toMatch(/^2 of 3 reached/);
    expect(step(report, "roundTrips").status).toBe("ok");
  });

  test("what a policy leaves out is a fact; only when nothing is left a warning", async () => {
    const reader = azure.addServicePrincipal({ accessPolicy: "Data Reader" });
    const useless = azure.addServicePrincipal({ accessPolicy: "+@connection ~*" });
    const [first, second] = await Promise.all([
      examined(azure, { identity: principal(azure, reader) }),
      examined(azure, { identity: principal(azure, useless) }),
    ]);
    expect(first.findings).toEqual([]);
    expect(step(first, "permissions").facts["verdicts"]).toMatchObject({ read: "allowed", write: "denied" });
    expect(rules(second)).toEqual(["command-not-permitted certain warning"]);
    expect(second.isHealthy).toBe(true);
  });

  test("a policy for some keys only is tried with names that it covers", async () => {
    const identity = principal(azure, azure.addServicePrincipal({ accessPolicy: "+@all ~cart:*" }));
    const [outside, inside] = await Promise.all([
      examined(azure, { identity }),
      examined(azure, { identity, keyPrefix: "cart:" }),
    ]);
    expect(rules(outside)).toEqual(["key-not-permitted certain warning"]);
    expect(outside.findings[0]?.observed).toContain("--key-prefix");
    expect(inside.findings).toEqual([]);
    expect(step(inside, "permissions").facts["scratchKey"]).toMatch(/^cart:/);
  });

  test("an access key that is wrong", async () => {
    const env = { AZURE_REDIS_HOST: address(azure), AZURE_REDIS_PASSWORD: "not-the-access-key" };
    const around = { env, clock: systemClock, random: Math.random };
    const report = await examine({ connection: {}, ca: azure.caCertificate }, around);
    expect(report.findings.map(({ rule }) => rule)).toEqual(["access-key-refused"]);
    expect(JSON.stringify(report)).not.toContain("not-the-access-key");
  });
});
