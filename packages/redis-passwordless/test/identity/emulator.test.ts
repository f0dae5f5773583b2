import { writeFileSync } from "node:fs";
import { connect } from "node:tls";
import { type Emulator, type EmulatorEvent, type Identity, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TokenResponse } from "../../src/core/token.js";
import { decodeClaims } from "../../src/identity/claims.js";
import {
  createIdentityProvider,
  type Environment,
  type IdentityOptions,
  identityFromEnvironment,
} from "../../src/identity/index.js";
import { ask, askAzureIdentity, type Certificates, makeCertificates, refusal } from "./support.js";

type TokenRequestEvent = Extract<EmulatorEvent, { type: "tokenRequest" }>;

const SUBJECT = "system:serviceaccount:shop:cart";
let emulator: Emulator;
let files: Certificates;
let federated: Identity;
let certified: Identity;

beforeAll(async () => {
  files = makeCertificates();
  emulator = await startEmulator();
  federated = emulator.addServicePrincipal({
    federatedCredentials: [{ issuer: emulator.federationIssuer, subject: SUBJECT }],
  });
  certified = emulator.addServicePrincipal({ certificates: [files.server.cert] });
  writeFileSync(files.path("federated"), await emulator.issueFederatedToken({ subject: SUBJECT }));
  writeFileSync(files.path("app.pem"), files.server.key + files.server.cert);
});
afterAll(async () => {
  await emulator.close();
  files[Symbol.dispose]();
});
beforeEach(() => emulator.clearFaults());

const authority = () => ({ authorityHost: emulator.authorityHost, ca: emulator.caCertificate });
const imds = (): Environment => ({ AZURE_POD_IDENTITY_AUTHORITY_HOST: emulator.imdsHost });
const appService = (): Environment => ({
  IDENTITY_ENDPOINT: emulator.appService.endpoint,
  IDENTITY_HEADER: emulator.appService.header,
});
const application = (identity: Identity) => ({
  tenantId: emulator.tenantId,
  clientId: identity.clientId,
  ...authority(),
});

interface Case {
  readonly options: IdentityOptions;
  readonly env: Environment;
  readonly identity: Identity;
  /** The same identity through @azure/identity: class and constructor arguments. */
  readonly peer: readonly [string, ...unknown[]];
}

/** Every identity, in every way it can be named. */
function cases(): Readonly<Record<string, Case>> {
  const { systemIdentity, userIdentity, servicePrincipal, tenantId } = emulator;
  const { clientId, objectId, resourceId } = userIdentity;
  const secret = servicePrincipal.secret ?? "";
  const peerOptions = { authorityHost: emulator.authorityHost, disableInstanceDiscovery: true };
  const managed = (env: Environment, options: IdentityOptions, identity: Identity, peer?: object): Case => ({
    options,
    env,
    identity,
    peer: ["ManagedIdentityCredential", ...(peer === undefined ? [] : [peer])],
  });
  const certificatePath = files.path("app.pem");
  return {
    "system-assigned, IMDS": managed(imds(), { managedIdentity: true }, systemIdentity),
    "client ID, IMDS": managed(imds(), { clientId }, userIdentity, { clientId }),
    "object ID, IMDS": managed(imds(), { objectId }, userIdentity, { objectId }),
    "resource ID, IMDS": managed(imds(), { resourceId }, userIdentity, { resourceId }),
    "system-assigned, App Service": managed(appService(), { managedIdentity: true }, systemIdentity),
    "client ID, App Service": managed(appService(), { clientId }, userIdentity, { clientId }),
    "object ID, App Service": managed(appService(), { objectId }, userIdentity, { objectId }),
    "resource ID, App Service": managed(appService(), { resourceId }, userIdentity, { resourceId }),
    "client secret": {
      options: { ...application(servicePrincipal), clientSecret: secret },
      env: {},
      identity: servicePrincipal,
      peer: ["ClientSecretCredential", tenantId, servicePrincipal.clientId, secret, peerOptions],
    },
    "client certificate": {
      options: { ...application(certified), clientCertificatePath: certificatePath },
      env: {},
      identity: certified,
      peer: ["ClientCertificateCredential", tenantId, certified.clientId, { certificatePath }, peerOptions],
    },
    "workload identity": {
      options: { ...application(federated), federatedTokenFile: files.path("federated") },
      env: {},
      identity: federated,
      peer: [
        "WorkloadIdentityCredential",
        {
          ...peerOptions,
          tenantId,
          clientId: federated.clientId,
          tokenFilePath: files.path("federated"),
        },
      ],
    },
  };
}

const NAMES = [
  "system-assigned, IMDS",
  "client ID, IMDS",
  "object ID, IMDS",
  "resource ID, IMDS",
  "system-assigned, App Service",
  "client ID, App Service",
  "object ID, App Service",
  "resource ID, App Service",
  "client secret",
  "client certificate",
  "workload identity",
];

/** Logs in to the cache with a token; the server's answer. */
function login({ username, token }: TokenResponse): Promise<string> {
  const { host, port } = emulator.redis;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: host, ca: emulator.caCertificate });
    socket.once("error", reject);
    socket.once("data", (data) => {
      resolve(String(data).trim());
      socket.destroy();
    });
    const words = ["AUTH", username, token];
    const command = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
    socket.write(`*${words.length}\r\n${command}`);
  });
}

describe("every identity gets a token that the cache accepts", () => {
  test.each(NAMES)("%s", async (name) => {
    const { options, env, identity } = cases()[name] as Case;
    const provider = createIdentityProvider(options, env);
    const response = await ask(provider);
    expect(response.username).toBe(identity.objectId);
    expect(response.expiresAtMs).toBeGreaterThan(Date.now());
    expect(response.serverTimeMs).toBeDefined();
    expect(response.details).toMatchObject({ tenantId: emulator.tenantId, clientId: identity.clientId });
    expect(await login(response)).toBe("+OK");
    expect((await ask(provider)).token).not.toBe(response.token);
  });

  test("the environment that the emulator offers for each identity is understood", async () => {
    for (const identity of [emulator.systemIdentity, emulator.userIdentity, emulator.servicePrincipal]) {
      const provider = identityFromEnvironment(emulator.env(identity), { ca: emulator.caCertificate });
      expect((await ask(provider)).username).toBe(identity.objectId);
    }
  });
});

/** What a request says, without the telemetry of msal and what must differ. */
function essence({ endpoint, query, headers }: TokenRequestEvent) {
  const telemetry = /^(?:x-client|x-ms-|x-app|client-request-id|client_info$)/;
  const parameters = Object.entries(query).filter(
    ([name]) => !telemetry.test(name) && name !== "client_assertion",
  );
  const relevant = ["metadata", "x-identity-header", "content-type"].map((name) => [name, headers[name]]);
  return {
    endpoint,
    parameters: Object.fromEntries(parameters),
    // msal says that its empty GET is a form.
    headers: Object.fromEntries(endpoint === "authority" ? relevant : relevant.slice(0, 2)),
  };
}

const requestsSince = (index: number) =>
  emulator.events
    .slice(index)
    .filter((event): event is TokenRequestEvent => event.type === "tokenRequest" && event.issued);

describe("@azure/identity sends an equivalent request and gets the same identity", () => {
  test.each(NAMES)("%s", async (name) => {
    const { options, env, peer } = cases()[name] as Case;
    let since = emulator.events.length;
    const response = await ask(createIdentityProvider(options, env));
    const [ours] = requestsSince(since);
    since = emulator.events.length;
    const theirs = await askAzureIdentity(peer, { NODE_EXTRA_CA_CERTS: emulator.caFile, ...env });
    const [other] = requestsSince(since);
    if (ours === undefined || other === undefined) throw new Error("a request is missing");
    expect(essence(ours)).toEqual(essence(other));

    const claims = decodeClaims(response.token) as Record<string, unknown>;
    for (const claim of ["oid", "tid", "aud", "appid", "idtyp", "xms_mirid"])
      expect(claims[claim]).toBe(theirs[claim]);
    expect(Math.abs(response.expiresAtMs - Number(theirs["expiresOnTimestamp"]))).toBeLessThan(10_000);
  });
});

describe("faults", () => {
  const byName = (name: string) => {
    const { options, env } = cases()[name] as Case;
    return createIdentityProvider(options, env);
  };

  test.each(["system-assigned, IMDS", "client ID, App Service", "client secret", "workload identity"])(
    "%s: throttling, errors, resets and broken answers may pass, and do",
    async (name) => {
      const provider = byName(name);
      const faults = [
        [{ kind: "status", status: 429, retryAfter: "4" }, "ERR_PASSWORDLESS_THROTTLED"],
        [{ kind: "status", status: 503 }, "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR"],
        [{ kind: "malformed" }, "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR"],
        [{ kind: "reset" }, "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE"],
        [{ kind: "expiredToken" }, "ERR_PASSWORDLESS_TOKEN_EXPIRED"],
      ] as const;
      for (const [fault, code] of faults) {
        using _fault = emulator.injectFault("all", fault);
        const error = await refusal(provider);
        expect(error).toMatchObject({ code, retryable: true });
        if (code === "ERR_PASSWORDLESS_THROTTLED") expect(error.retryAfterMs).toBe(4000);
      }
      expect((await ask(provider)).username).toBe((cases()[name] as Case).identity.objectId);
    },
  );

  test("a request that hangs ends with its signal", async () => {
    using _fault = emulator.injectFault("all", { kind: "hang" });
    const request = byName("client secret").requestToken({ signal: AbortSignal.timeout(200) });
    await expect(request).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("a clock that differs by hours does not make a valid token expired", async () => {
    const offsetMs = -7 * 3_600_000;
    emulator.setClockOffset(offsetMs);
    try {
      const { serverTimeMs, expiresAtMs } = await ask(byName("system-assigned, IMDS"));
      expect(Math.abs((serverTimeMs ?? 0) - Date.now() - offsetMs)).toBeLessThan(3000);
      expect(expiresAtMs).toBeLessThan(Date.now());
    } finally {
      emulator.setClockOffset(0);
    }
  });
});

describe("a certificate on a machine whose clock is wrong", () => {
  test.each([-7, 7])("by %i hours is used by the authority's clock", async (hours) => {
    emulator.setClockOffset(hours * 3_600_000);
    try {
      const { options } = cases()["client certificate"] as Case;
      const provider = createIdentityProvider(options);
      const since = emulator.events.length;
      expect((await ask(provider)).username).toBe(certified.objectId);
      await ask(provider);
      const statuses = emulator.events
        .slice(since)
        .flatMap((event) => (event.type === "tokenRequest" ? [event.status] : []));
      expect(statuses).toEqual([401, 200, 200]);
    } finally {
      emulator.setClockOffset(0);
    }
  });
});

describe("refusals", () => {
  const rejected = async (options: IdentityOptions, env: Environment = {}) => {
    const error = await refusal(createIdentityProvider(options, env));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_REJECTED", retryable: false });
    return error;
  };

  test("a managed identity that is not attached", async () => {
    const options = { clientId: "00000000-0000-4000-8000-000000000000" };
    for (const env of [imds(), appService()]) {
      const error = await rejected(options, env);
      expect(error.rule).toBe("managed-identity-not-attached");
      expect(error.remedy).toContain("Attach");
    }
  });

  test("a wrong secret, an expired one, an unknown application, an unknown tenant", async () => {
    const { servicePrincipal } = emulator;
    const good = application(servicePrincipal);
    const rule = async (options: IdentityOptions) => (await rejected(options)).rule;
    expect(await rule({ ...good, clientSecret: "wrong" })).toBe("client-secret-wrong");
    const secretId = "5e3c4e4a-9d0f-4c52-8b9d-0f6f2f1c2b3a";
    expect(await rule({ ...good, clientSecret: secretId })).toBe("client-secret-id-instead-of-value");
    const expired = emulator.addServicePrincipal({ secret: "old", secretExpired: true });
    expect(await rule({ ...application(expired), clientSecret: "old" })).toBe("client-secret-expired");
    const nobody = { ...good, clientId: "00000000-0000-4000-8000-000000000000", clientSecret: "x" };
    expect(await rule(nobody)).toBe("application-not-in-tenant");
    const nowhere = { ...good, tenantId: "00000000-0000-4000-8000-000000000001", clientSecret: "x" };
    expect(await rule(nowhere)).toBe("tenant-not-found");
  });

  test("a certificate that the application does not know", async () => {
    files.openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=x",
      "-keyout",
      "x.key",
      "-out",
      "x.crt",
    );
    const clientCertificate = files.read("x.key").toString() + files.read("x.crt").toString();
    expect((await rejected({ ...application(certified), clientCertificate })).details["aadsts"]).toBe(700027);
  });

  test("a federated token for another subject, and one for another audience", async () => {
    for (const [claims, number] of [
      [{ subject: "system:serviceaccount:shop:other" }, 700213],
      [{ subject: SUBJECT, audience: "api://elsewhere" }, 700212],
    ] as const) {
      const federatedTokenFile = files.path("wrong");
      writeFileSync(federatedTokenFile, await emulator.issueFederatedToken(claims));
      expect((await rejected({ ...application(federated), federatedTokenFile })).details["aadsts"]).toBe(
        number,
      );
    }
  });
});
