import { PasswordlessError } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import type { Facts } from "./facts.js";
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
  /** Messages of the chain, the outermost first; free of tokens. */
  readonly texts?: readonly string[] | undefined;
  /** What Redis said. */
  readonly reply?: string | undefined;
}

export function isSeen(signal: Signal, seen: Observation): boolean {
  if ("aadsts" in signal) return seen.aadsts?.some((number) => signal.aadsts.includes(number)) ?? false;
  if ("library" in signal) return seen.library?.includes(signal.library) ?? false;
  if ("reply" in signal) {
    return [seen.reply, ...(seen.texts ?? [])].some((text) => text !== undefined && signal.reply.test(text));
  }
  // A raw error of a client says nothing of whom it was speaking to: to Redis.
  if (signal.from !== (seen.from ?? "redis")) return false;
  if ("network" in signal) return seen.codes?.some((code) => signal.network.test(code)) ?? false;
  if ("says" in signal) return seen.texts?.some((text) => signal.says.test(text)) ?? false;
  return (
    signal.http === seen.status &&
    (signal.body?.test(seen.body ?? "") ?? true) &&
    (signal.isForeign !== true || seen.isForeign === true)
  );
}

const DEEPEST = 6;

/** Reads an error of any origin: ours, Node's, a Redis client's, @azure/identity's. */
export function observe(error: unknown): Observation & { readonly facts: Facts } {
  const chain = flatten(error);
  const ours = chain.filter((link) => PasswordlessError.is(link));
  const details: Record<string, unknown> = {};
  for (const link of ours.toReversed()) Object.assign(details, link.details);
  const texts = chain.map((link) => redact(textOf(link, "message") ?? String(link)));
  const numbers = [details["aadsts"], ...texts.flatMap((text) => aadstsNumbers(text))];
  const status = details["status"];
  return {
    from: targetOf(details["target"]),
    library: ours.map(({ code }) => code),
    aadsts: numbers.filter((number) => typeof number === "number"),
    status: typeof status === "number" ? status : undefined,
    codes: [details["networkError"], ...chain.map((link) => textOf(link, "code"))].filter(
      (code) => typeof code === "string",
    ),
    texts,
    reply: typeof details["reply"] === "string" ? details["reply"] : undefined,
    facts: details,
  };
}

/** The error, its causes, and the members of aggregate errors. */
function flatten(error: unknown, depth = 0): readonly unknown[] {
  if (error === undefined || error === null || depth > DEEPEST) return [];
  if (typeof error !== "object") return [error];
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  const inner = Array.isArray(errors) ? errors : [];
  return [error, ...[cause, ...inner].flatMap((next) => flatten(next, depth + 1))];
}

function textOf(link: unknown, name: string): string | undefined {
  if (typeof link !== "object" || link === null) return undefined;
  const value = (link as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

function aadstsNumbers(text: string): number[] {
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
