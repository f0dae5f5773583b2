import { type HttpAnswer, json } from "../http/http-server.js";
import {
  checkNames,
  InputError,
  optionalBoolean,
  parseObject,
  requiredNumber,
  requiredString,
} from "./input.js";
import type { ControlCall, Route } from "./route.js";

/** How the cache as a whole is set up. */
export const CACHE_ROUTES: readonly Route[] = [
  { method: "PUT", path: "/redis/entra-id", run: setEntraId },
  { method: "PUT", path: "/redis/max-clients", run: setMaxClients },
  { method: "PUT", path: "/redis/outdated-tls", run: setOutdatedTls },
];

function setEntraId({ emulator, request }: ControlCall): HttpAnswer {
  const body = parseObject(request.body);
  checkNames(body, ["enabled"]);
  const enabled = optionalBoolean(body, "enabled");
  if (enabled === undefined) throw new InputError('"enabled" must be true or false.');
  emulator.redis.setEntraId(enabled);
  return json(200, {});
}

function setMaxClients({ emulator, request }: ControlCall): HttpAnswer {
  const body = parseObject(request.body);
  checkNames(body, ["count"]);
  emulator.redis.setMaxClients(body["count"] === null ? null : requiredNumber(body, "count"));
  return json(200, {});
}

function setOutdatedTls({ emulator, request }: ControlCall): HttpAnswer {
  const body = parseObject(request.body);
  checkNames(body, ["version"]);
  // The version is checked where it is used.
  const version = body["version"] === null ? null : requiredString(body, "version");
  emulator.redis.setOutdatedTls(version as "TLSv1" | "TLSv1.1" | null);
  return json(200, {});
}
