import { randomUUID } from "node:crypto";
import type { EmulatorEvent, Identity } from "../api.js";
import { json } from "../http/http-server.js";
import { CACHE_ROUTES } from "./cache-routes.js";
import { CLUSTER_ROUTES, describeNodes } from "./cluster-routes.js";
import { parseFault } from "./fault-input.js";
import { parseManagedIdentity, parseServicePrincipal, parseUser } from "./identity-input.js";
import {
  InputError,
  optionalNumber,
  optionalString,
  parseObject,
  queryNumber,
  requiredNumber,
  requiredString,
} from "./input.js";
import type { ControlCall, Route } from "./route.js";
import { SIGN_IN_ROUTES } from "./sign-in-routes.js";

/** A long poll ends after this long at the latest; below the timeouts of common HTTP clients. */
const MAX_POLL_MS = 60_000;

/** Every route of the control; the README describes them one by one. */
export const ROUTES: readonly Route[] = [
  { method: "GET", path: "/", run: ({ emulator }) => json(200, overview(emulator)) },
  {
    method: "GET",
    path: "/ca.pem",
    run: ({ emulator }) => ({
      kind: "reply",
      status: 200,
      headers: { "Content-Type": "application/x-pem-file" },
      body: emulator.caCertificate,
    }),
  },
  { method: "GET", path: "/env", run: environment },
  { method: "GET", path: "/identities", run: ({ emulator }) => json(200, emulator.identities) },
  { method: "POST", path: "/identities", run: addIdentity },
  {
    method: "DELETE",
    path: "/identities/:objectId",
    run: ({ emulator, parameters }) => {
      emulator.removeIdentity(parameters[0] ?? "");
      return json(200, {});
    },
  },
  {
    method: "PUT",
    path: "/identities/:objectId/access-policy",
    run: async ({ emulator, parameters, request }) => {
      await emulator.assign(parameters[0] ?? "", requiredString(parseObject(request.body), "policy"));
      return json(200, {});
    },
  },
  {
    method: "DELETE",
    path: "/identities/:objectId/access-policy",
    run: async ({ emulator, parameters }) => {
      await emulator.revoke(parameters[0] ?? "");
      return json(200, {});
    },
  },
  {
    method: "PUT",
    path: "/token-lifetime",
    run: ({ emulator, request }) => {
      const body = parseObject(request.body);
      emulator.setTokenLifetime(requiredNumber(body, "lifetimeMs"), optionalString(body, "objectId"));
      return json(200, {});
    },
  },
  {
    method: "GET",
    path: "/clock",
    run: ({ clock }) => json(200, { offsetMs: clock.offsetMs, nowMs: clock.now() }),
  },
  {
    method: "PUT",
    path: "/clock",
    run: ({ emulator, clock, request }) => {
      emulator.setClockOffset(requiredNumber(parseObject(request.body), "offsetMs"));
      return json(200, { offsetMs: clock.offsetMs, nowMs: clock.now() });
    },
  },
  {
    method: "GET",
    path: "/faults",
    run: ({ faults }) =>
      json(
        200,
        [...faults].map(([id, { applied }]) => ({ id, applied })),
      ),
  },
  { method: "POST", path: "/faults", run: injectFault },
  {
    method: "DELETE",
    path: "/faults",
    run: ({ emulator, faults }) => {
      emulator.clearFaults();
      faults.clear();
      return json(200, {});
    },
  },
  {
    method: "GET",
    path: "/faults/:id",
    run: ({ faults, parameters }) => {
      const fault = faults.get(parameters[0] ?? "");
      return fault
        ? json(200, { id: parameters[0], applied: fault.applied })
        : json(404, { error: "No such fault." });
    },
  },
  {
    method: "DELETE",
    path: "/faults/:id",
    run: ({ faults, parameters }) => {
      const id = parameters[0] ?? "";
      const fault = faults.get(id);
      fault?.remove();
      faults.delete(id);
      return fault ? json(200, { id, applied: fault.applied }) : json(404, { error: "No such fault." });
    },
  },
  {
    method: "POST",
    path: "/tokens",
    run: async ({ emulator, request }) => {
      const body = parseObject(request.body);
      const claims = body["claims"] === undefined ? {} : parseObject(JSON.stringify(body["claims"]));
      // JSON has no undefined: a claim that is null is left out.
      const wanted = Object.entries(claims).map(([name, value]) => [name, value ?? undefined]);
      const token = await emulator.issueToken(requiredString(body, "objectId"), Object.fromEntries(wanted));
      return json(200, { token });
    },
  },
  {
    method: "POST",
    path: "/federated-tokens",
    run: async ({ emulator, request }) => {
      const body = parseObject(request.body);
      const audience = optionalString(body, "audience");
      const issuer = optionalString(body, "issuer");
      const expiresInMs = optionalNumber(body, "expiresInMs");
      const token = await emulator.issueFederatedToken({
        subject: requiredString(body, "subject"),
        ...(audience !== undefined && { audience }),
        ...(issuer !== undefined && { issuer }),
        ...(expiresInMs !== undefined && { expiresInMs }),
      });
      return json(200, { token });
    },
  },
  {
    method: "POST",
    path: "/redis/kill",
    run: ({ emulator, request }) => {
      const objectId = optionalString(parseObject(request.body), "objectId");
      return json(200, {
        killed: emulator.redis.killConnections(objectId === undefined ? {} : { objectId }),
      });
    },
  },
  {
    method: "POST",
    path: "/redis/restart",
    run: async ({ emulator }) => {
      await emulator.redis.restart();
      return json(200, {});
    },
  },
  ...SIGN_IN_ROUTES,
  ...CACHE_ROUTES,
  ...CLUSTER_ROUTES,
  { method: "GET", path: "/events", run: events },
  { method: "GET", path: "/counters", run: ({ emulator }) => json(200, emulator.counters) },
];

function overview(emulator: ControlCall["emulator"]): object {
  const { redis } = emulator;
  return {
    tenantId: emulator.tenantId,
    authorityHost: emulator.authorityHost,
    imdsHost: emulator.imdsHost,
    appService: emulator.appService,
    federationIssuer: emulator.federationIssuer,
    caFile: emulator.caFile,
    redis: {
      host: redis.host,
      port: redis.port,
      url: redis.url,
      plaintextPort: redis.plaintextPort,
      nodes: describeNodes(redis),
      server: redis.server,
      connectionCount: redis.connectionCount,
    },
    identities: emulator.identities,
  };
}

function environment({ emulator, request }: ControlCall) {
  const wanted = request.query.get("identity") ?? emulator.systemIdentity.objectId;
  const identity = identityNamed(emulator, wanted);
  const endpoint = request.query.get("endpoint") ?? "imds";
  if (!identity) {
    return json(404, { error: `There is no identity ${wanted}.` });
  }
  if (endpoint !== "imds" && endpoint !== "appService") {
    throw new InputError('"endpoint" must be "imds" or "appService".');
  }
  const connector = request.query.get("serviceConnector");
  const options = { managedIdentityEndpoint: endpoint } as const;
  if (connector === null) return json(200, emulator.env(identity, options));
  const serviceConnector = connector === "true" || connector;
  return json(200, emulator.env(identity, { ...options, serviceConnector }));
}

/** By object ID, or one of the default identities by its kind. */
function identityNamed(emulator: ControlCall["emulator"], name: string): Identity | undefined {
  switch (name) {
    case "system":
      return emulator.systemIdentity;
    case "user":
      return emulator.userIdentity;
    case "servicePrincipal":
      return emulator.servicePrincipal;
    case "developer":
      return emulator.developer;
    default:
      return emulator.identities.find(({ objectId }) => objectId === name);
  }
}

function addIdentity({ emulator, request }: ControlCall) {
  const body = parseObject(request.body);
  switch (body["kind"]) {
    case "system":
    case "user":
      return json(201, emulator.addManagedIdentity(parseManagedIdentity(body["kind"], body)));
    case "servicePrincipal":
      return json(201, emulator.addServicePrincipal(parseServicePrincipal(body)));
    case "developer":
      return json(201, emulator.addUser(parseUser(body)));
    default:
      throw new InputError('"kind" must be "system", "user", "servicePrincipal" or "developer".');
  }
}

function injectFault({ emulator, request, faults }: ControlCall) {
  const input = parseFault(parseObject(request.body));
  const active =
    input.target === "redis"
      ? emulator.redis.injectFault(input.fault, input.scope)
      : input.target === "redisConnections"
        ? emulator.redis.injectConnectionFault(input.fault, input.scope)
        : emulator.injectFault(input.target, input.fault, input.scope);
  const id = randomUUID();
  faults.set(id, active);
  return json(201, { id, applied: active.applied });
}

/** The events from `since` on; with `timeoutMs`, waits that long for the first one. */
async function events({ emulator, request }: ControlCall) {
  const since = queryNumber(request.query, "since", 0);
  const timeoutMs = Math.min(queryNumber(request.query, "timeoutMs", 0), MAX_POLL_MS);
  const type = request.query.get("type");
  const matches = (event: EmulatorEvent): event is EmulatorEvent => type === null || event.type === type;
  if (timeoutMs > 0) {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), request.signal]);
    await emulator.nextEvent(matches, { since, signal }).catch(() => undefined);
  }
  const all = emulator.events;
  return json(200, { events: all.slice(since).filter(matches), next: Math.max(since, all.length) });
}
