import type { ConnectionFault, FaultScope, FaultTarget, LoginFault, TokenFault } from "../api.js";
import {
  checkNames,
  InputError,
  isObject,
  type JsonObject,
  optionalNumber,
  optionalString,
  present,
  requiredNumber,
  requiredString,
} from "./input.js";

/** A fault as it arrives over HTTP: at the token endpoints, or at the logins or the connections on the gateway. */
export type FaultInput =
  | { readonly target: FaultTarget | "all"; readonly fault: TokenFault; readonly scope: FaultScope }
  | { readonly target: "redis"; readonly fault: LoginFault; readonly scope: FaultScope & { after?: number } }
  | {
      readonly target: "redisConnections";
      readonly fault: ConnectionFault;
      readonly scope: { times?: number; node?: number };
    };

const TARGETS: ReadonlySet<string> = new Set(["all", "authority", "imds", "appService"]);

/** @throws {InputError} naming what is wrong */
export function parseFault(input: JsonObject): FaultInput {
  const { target, fault, ...scopeInput } = input;
  if (!isObject(fault)) {
    throw new InputError('"fault" must be an object such as { "kind": "hang" }.');
  }
  if (target === "redisConnections") {
    checkNames(scopeInput, ["times", "node"]);
    checkNames(fault, ["kind", "stage"]);
    return {
      target,
      // Kind and stage are checked where they are used.
      fault: {
        kind: requiredString(fault, "kind"),
        ...present(fault, ["stage"], optionalString),
      } as ConnectionFault,
      scope: present(scopeInput, ["times", "node"], optionalNumber),
    };
  }
  const scope = parseScope(scopeInput);
  if (target === "redis") {
    const after = optionalNumber(scopeInput, "after");
    return {
      target,
      fault: parseLoginFault(fault),
      scope: { ...scope, ...(after !== undefined && { after }) },
    };
  }
  if (typeof target !== "string" || !TARGETS.has(target)) {
    throw new InputError(
      '"target" must be "all", "authority", "imds", "appService", "redis" or "redisConnections".',
    );
  }
  return { target: target as FaultTarget | "all", fault: parseTokenFault(fault), scope };
}

function parseScope(input: JsonObject): FaultScope {
  checkNames(input, ["times", "objectId", "after"]);
  const times = optionalNumber(input, "times");
  const objectId = optionalString(input, "objectId");
  return { ...(times !== undefined && { times }), ...(objectId !== undefined && { objectId }) };
}

function parseTokenFault(input: JsonObject): TokenFault {
  const kind = requiredString(input, "kind");
  switch (kind) {
    case "hang":
    case "reset":
    case "expiredToken":
    case "badSignature":
    case "sameToken":
      return { kind };
    case "delay":
      return { kind, delayMs: requiredNumber(input, "delayMs") };
    case "entraError": {
      const message = optionalString(input, "message");
      return { kind, number: requiredNumber(input, "number"), ...(message !== undefined && { message }) };
    }
    case "malformed": {
      const body = optionalString(input, "body");
      return { kind, ...(body !== undefined && { body }) };
    }
    case "status": {
      const retryAfter = optionalString(input, "retryAfter");
      const contentType = optionalString(input, "contentType");
      return {
        kind,
        status: requiredNumber(input, "status"),
        ...(retryAfter !== undefined && { retryAfter }),
        ...(contentType !== undefined && { contentType }),
        ...(input["body"] !== undefined && { body: input["body"] }),
      };
    }
    default:
      throw new InputError(
        '"kind" must be "status", "delay", "hang", "reset", "malformed", "entraError", "expiredToken", "badSignature" or "sameToken".',
      );
  }
}

function parseLoginFault(input: JsonObject): LoginFault {
  const kind = requiredString(input, "kind");
  switch (kind) {
    case "refuse":
    case "hang":
    case "close":
      return { kind };
    case "delay":
      return { kind, delayMs: requiredNumber(input, "delayMs") };
    default:
      throw new InputError('For "redis", "kind" must be "refuse", "delay", "hang" or "close".');
  }
}
