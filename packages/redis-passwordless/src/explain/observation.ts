import { PasswordlessError } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import { certificateFacts } from "./certificate-facts.js";
import { toolSpeaking } from "./developer-tool.js";
import type { Facts } from "./facts.js";
import { factsInReply } from "./reply-facts.js";
import type { Signal, Target } from "./rule.js";

/** What can be seen of a failure. */
export interface Observation {
  readonly from?: Target | undefined;
  /** Codes of this library's errors in the chain, the outermost first. */
  readonly library?: readonly string[] | undefined;
  readonly aadsts?: readonly number[] | undefined;
  readonly status?: number | undefined;
  /** Body of an HTTP answer. */
  readonly body?: string | undefined;
  readonly isForeign?: boolean | undefined;
  /** Codes of Node's errors in the chain. */
  readonly codes?: readonly string[] | undefined;
  /** Names of the errors in the chain. */
  readonly names?: readonly string[] | undefined;
  /** Messages of the chain, the outermost first; free of tokens. */
  readonly texts?: readonly string[] | undefined;
  /** What Redis said. */
  readonly reply?: string | undefined;
}

export function isSeen(signal: Signal, seen: Observation): boolean {
  if ("aadsts" in signal) {
    const { aadsts } = signal;
    return seen.aadsts?.some((number) => aadsts === "any" || aadsts.includes(number)) ?? false;
  }
  if ("library" in signal) {
    const isOfTarget = signal.from === undefined || signal.from === seen.from;
    return isOfTarget && (seen.library?.includes(signal.library) ?? false);
  }
  if ("reply" in signal) {
    return [seen.reply, ...(seen.texts ?? [])].some((text) => text !== undefined && signal.reply.test(text));
  }
  // A raw error of a client says nothing of whom it was speaking to: to Redis.
  if (signal.from !== (seen.from ?? "redis")) return false;
  if ("network" in signal) return seen.codes?.some((code) => signal.network.test(code)) ?? false;
  if ("says" in signal) return seen.texts?.some((text) => signal.says.test(text)) ?? false;
  if ("name" in signal) return seen.names?.some((name) => signal.name.test(name)) ?? false;
  const { http, body, isForeign } = signal;
  if (seen.status === undefined) return false;
  return (
    (typeof http === "number" ? http === seen.status : http.test(String(seen.status))) &&
    // Once it has become an error, what an endpoint has said is in the message.
    (body === undefined || [seen.body ?? "", ...(seen.texts ?? [])].some((text) => body.test(text))) &&
    (isForeign !== true || seen.isForeign === true)
  );
}

const DEEPEST = 6;

/** Reads an error of any origin: ours, Node's, a Redis client's, @azure/identity's. */
export function observe(error: unknown): Observation & { readonly facts: Facts } {
  const chain = chainOf(error);
  const ours = chain.filter((link) => PasswordlessError.is(link));
  const details: Record<string, unknown> = {};
  for (const link of ours.toReversed()) Object.assign(details, link.details);
  const names = chain.map((link) => textOf(link, "name") ?? "");
  // The message of an aggregate repeats those of its members, and as one text it would say what nobody has said.
  const speaking = chain.filter((_, index) => names[index] !== AGGREGATE);
  const texts = speaking.map((link) => redact(messageOf(link)));
  const numbers = [details["aadsts"], ...speaking.flatMap((link) => aadstsNumbers(messageOf(link)))];
  const status = details["status"] ?? chain.map(httpStatus).find((number) => number !== undefined);
  const azure = azureIdentity(error, names, texts);
  return {
    from: targetOf(details["target"]) ?? azure?.from,
    library: ours.map(({ code }) => code),
    aadsts: numbers.filter((number) => typeof number === "number"),
    status: typeof status === "number" ? status : undefined,
    codes: [
      details["networkError"],
      ...chain.filter((link) => !PasswordlessError.is(link)).map((link) => textOf(link, "code")),
    ].filter((code) => typeof code === "string"),
    names,
    texts,
    isForeign: details["isForeign"] === true,
    reply: typeof details["reply"] === "string" ? details["reply"] : undefined,
    facts: { ...azure?.facts, ...factsInReply(texts), ...certificateFacts(chain), ...details },
  };
}

const AGGREGATE = "AggregateAuthenticationError";
const AZURE_IDENTITY =
  /^(?:CredentialUnavailableError|AuthenticationRequiredError|AuthenticationError|AggregateAuthenticationError)$/;

/** Whom a credential of @azure/identity has asked, which its errors tell by their names and texts. */
function azureIdentity(
  error: unknown,
  names: readonly string[],
  texts: readonly string[],
): { readonly from: Target; readonly facts: Facts } | undefined {
  if (!names.some((name) => AZURE_IDENTITY.test(name))) return undefined;
  const tool = toolSpeaking(texts.join("\n"));
  const speakers = membersOf(error);
  const onlyTools = speakers.every((speaker) => toolSpeaking(messageOf(speaker)) !== undefined);
  const facts = { tool, onlyTools };
  if (speakers.length > 1 || tool !== undefined) return { from: "developerTool", facts };
  if (texts.some((text) => /ManagedIdentityCredential|\bIMDS\b/.test(text))) {
    return { from: "managedIdentity", facts };
  }
  return { from: names.includes("CredentialUnavailableError") ? "developerTool" : "authority", facts };
}

/** The members of a chained credential's error, or the error itself. */
export function membersOf(error: unknown): readonly unknown[] {
  const { errors } = (typeof error === "object" && error !== null ? error : {}) as { errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 ? errors : [error];
}

/** What an error says; without the remedy, if it is one of ours. */
export function messageOf(error: unknown): string {
  if (PasswordlessError.is(error)) return error.observed;
  return typeof error === "string" ? error : (textOf(error, "message") ?? "");
}

/** HTTP libraries disagree about its name. */
function httpStatus(link: unknown): number | undefined {
  if (typeof link !== "object" || link === null) return undefined;
  const { statusCode, status } = link as { statusCode?: unknown; status?: unknown };
  const value = statusCode ?? status;
  return typeof value === "number" ? value : undefined;
}

/** Where clients keep the error behind theirs: Node, aggregates, ioredis's clusters, node-redis's reconnecting. */
const WRAPPED_AS = [
  "cause",
  "errors",
  "lastNodeError",
  "previousErrors",
  "originalError",
  "socketError",
] as const;

/** The error, its causes, and the members of aggregate errors. */
export function chainOf(error: unknown, depth = 0): readonly unknown[] {
  if (error === undefined || error === null || depth > DEEPEST) return [];
  if (typeof error !== "object") return [error];
  const behind = WRAPPED_AS.flatMap((name) => (error as Record<string, unknown>)[name]);
  return [error, ...behind.flatMap((next) => chainOf(next, depth + 1))];
}

function textOf(link: unknown, name: string): string | undefined {
  if (typeof link !== "object" || link === null) return undefined;
  const value = (link as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

/** The numbers in a text of Entra ID. */
export function aadstsNumbers(text: string): number[] {
  return [...text.matchAll(/AADSTS(\d{4,8})/g)].map(([, digits]) => Number(digits));
}

function targetOf(value: unknown): Target | undefined {
  return value === "redis" ||
    value === "authority" ||
    value === "managedIdentity" ||
    value === "developerTool"
    ? value
    : undefined;
}
