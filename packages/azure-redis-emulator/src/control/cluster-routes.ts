import type { CertificateInit, FailoverOptions, MaintenanceEvent, RedisGateway } from "../api.js";
import { type HttpAnswer, json } from "../http/http-server.js";
import {
  checkNames,
  InputError,
  type JsonObject,
  optionalBoolean,
  optionalNumber,
  optionalString,
  parseObject,
  present,
  requiredNumber,
  requiredString,
} from "./input.js";
import type { ControlCall, Route } from "./route.js";

/** What happens to the nodes of a cluster. Kinds and indexes are checked where they are used. */
export const CLUSTER_ROUTES: readonly Route[] = [
  { method: "POST", path: "/redis/failover", run: failover },
  { method: "POST", path: "/redis/revive", run: revive },
  { method: "POST", path: "/redis/certificate", run: useCertificate },
  { method: "POST", path: "/redis/maintenance", run: publishMaintenance },
];

/** The nodes as they are now, without the servers behind them, whose addresses hold passwords. */
export function describeNodes({ nodes }: RedisGateway): readonly object[] {
  return nodes.map(({ host, port, role, announced, isRunning }) => ({
    host,
    port,
    role,
    announced,
    isRunning,
  }));
}

async function failover({ emulator, request }: ControlCall): Promise<HttpAnswer> {
  const body = parseObject(request.body);
  checkNames(body, ["node", "kind", "newAddress", "announceMaintenance"]);
  const options = {
    ...present(body, ["node"], optionalNumber),
    ...present(body, ["kind"], optionalString),
    ...present(body, ["newAddress", "announceMaintenance"], optionalBoolean),
  } as FailoverOptions;
  const { redis } = emulator;
  const { from, to } = await redis.failover(options);
  return json(200, {
    from: redis.nodes.indexOf(from),
    to: redis.nodes.indexOf(to),
    nodes: describeNodes(redis),
  });
}

async function revive({ emulator, request }: ControlCall): Promise<HttpAnswer> {
  const body = parseObject(request.body);
  checkNames(body, ["node"]);
  await emulator.redis.revive(requiredNumber(body, "node"));
  return json(200, { nodes: describeNodes(emulator.redis) });
}

async function useCertificate({ emulator, request }: ControlCall): Promise<HttpAnswer> {
  const body = parseObject(request.body);
  checkNames(body, ["node", "names", "state"]);
  const { names } = body;
  const state = optionalString(body, "state");
  const isMissing = names === undefined && state === undefined;
  if (isMissing || (names !== undefined && names !== null && !Array.isArray(names))) {
    throw new InputError('"names" must be an array of DNS names, or null for the regular certificate.');
  }
  // The names and the state are checked where they are used.
  const init =
    names === null ? null : ({ ...(names && { names }), ...(state && { state }) } as CertificateInit);
  await emulator.redis.useCertificate(requiredNumber(body, "node"), init);
  return json(200, {});
}

async function publishMaintenance({ emulator, request }: ControlCall): Promise<HttpAnswer> {
  const body = parseObject(request.body);
  checkNames(body, ["type", "startTimeUtc", "isReplica", "node"]);
  const event = {
    type: requiredString(body, "type"),
    ...present(body, ["startTimeUtc"], optionalDate),
    ...present(body, ["isReplica"], optionalBoolean),
    ...present(body, ["node"], optionalNumber),
  } as MaintenanceEvent;
  await emulator.redis.publishMaintenance(event);
  return json(200, {});
}

function optionalDate(object: JsonObject, name: string): Date | undefined {
  const text = optionalString(object, name);
  const date = text === undefined ? undefined : new Date(text);
  if (date !== undefined && Number.isNaN(date.getTime())) {
    throw new InputError(`"${name}" must be a time such as "2026-11-21T09:00:00Z".`);
  }
  return date;
}
