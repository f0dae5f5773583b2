import { docsUrlOf, type ErrorCode, generalRule, PasswordlessError } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import { type FactName, type Facts, holds, PLACEHOLDER } from "./facts.js";
import { judge, type Verdict, verdictOf } from "./judge.js";
import { chainOf, observe } from "./observation.js";
import type { Certainty, Rule, Target } from "./rule.js";
import { RULES } from "./table.js";

/** What is known besides the error; the more, the surer the explanation. */
export interface ExplainContext extends Facts {
  /**
   * Who was spoken to, where the error does not say.
   * @default "redis"
   */
  readonly target?: Target | undefined;
}

/** Why something failed, and what to do. Holds no secret: it may be logged, printed and sent as JSON. */
export interface Explanation {
  /** The situation. */
  readonly code: ErrorCode;
  /** The cause within it; a heading in `docs/errors.md`. The code's own heading where no cause is known. */
  readonly rule: string;
  readonly certainty: Certainty;
  /** What was seen. */
  readonly observed: string;
  readonly meaning: string;
  /** One sentence to act on. */
  readonly remedy: string;
  /** To copy, where there are any: Azure CLI. */
  readonly commands: readonly string[];
  /** What else looks like this from here, the likeliest first. Empty when certain. */
  readonly alternatives: readonly {
    readonly rule: string;
    readonly meaning: string;
    readonly remedy: string;
    readonly docsUrl: string;
  }[];
  /** The facts that the rule has used. */
  readonly evidence: Readonly<Record<string, string | number | boolean>>;
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly docsUrl: string;
}

/**
 * Explains any error on the way to Redis: this library's, a Redis client's, Node's, or one of @azure/identity.
 *
 * @returns `undefined` for an error that has nothing to do with logging in to Redis, or that nobody has met yet
 */
export function explain(error: unknown, context: ExplainContext = {}): Explanation | undefined {
  const { target, ...known } = context;
  const { facts: own, ...seen } = observe(error);
  const facts: Facts = { ...own, ...withoutUndefined(known) };
  const verdict = judge(RULES, { ...seen, from: seen.from ?? target }, facts);
  // Clients wrap our errors into their own.
  const raised = chainOf(error).find((link) => PasswordlessError.is(link));
  if (raised === undefined) return verdict && explanationOf(verdict, facts, redact(messageOf(error)));
  const raisedBy = RULES.find(({ id }) => id === raised.rule);
  // The context may say more than was known when the error was raised; it never says less.
  if (verdict?.rule.code === raised.code && isBefore(verdict.rule, raisedBy)) {
    return explanationOf(verdict, facts, raised.observed);
  }
  if (raisedBy === undefined) return general(raised);
  const { remedy } = raised;
  return explanationOf({ ...verdictOf(raisedBy, facts), remedy }, facts, raised.observed);
}

function isBefore(rule: Rule, other: Rule | undefined): boolean {
  // Without signals it has been found out by who has raised it, and no error looks like it.
  return other === undefined || (other.when.length > 0 && RULES.indexOf(rule) < RULES.indexOf(other));
}

function explanationOf(verdict: Verdict, facts: Facts, observed: string): Explanation {
  const { rule, meaning, remedy, commands } = verdict;
  const certainty = certaintyOf(rule, facts);
  const others = certainty === "certain" ? [] : (rule.alternatives ?? []);
  const alternatives = others.flatMap((id) => {
    const other = RULES.find((candidate) => candidate.id === id);
    if (other === undefined || !(other.given ?? []).every((condition) => holds(condition, facts))) return [];
    const { meaning, remedy } = verdictOf(other, facts);
    return [{ rule: id, meaning, remedy, docsUrl: docsUrlOf(id) }];
  });
  return {
    code: rule.code,
    rule: rule.id,
    certainty,
    observed,
    meaning,
    remedy,
    commands,
    alternatives,
    evidence: evidenceOf(rule, facts),
    retryable: rule.isRetryable ?? false,
    docsUrl: docsUrlOf(rule.id),
  };
}

function certaintyOf({ certainty = "certain", certainGiven }: Rule, facts: Facts): Certainty {
  return certainGiven?.every((condition) => holds(condition, facts)) === true ? "certain" : certainty;
}

/** An error of ours whose cause no rule narrows down: what it says of itself. */
function general(error: PasswordlessError): Explanation {
  const { code, observed, remedy, retryable, docsUrl } = error;
  return {
    code,
    rule: generalRule(code),
    certainty: "certain",
    observed,
    meaning: observed,
    remedy,
    commands: [],
    alternatives: [],
    evidence: { ...error.details },
    retryable,
    docsUrl,
  };
}

/** The facts on which the rule rests, and those that its texts name. */
function evidenceOf(rule: Rule, facts: Facts): Record<string, string | number | boolean> {
  const used = new Set<string>();
  for (const condition of [...(rule.given ?? []), ...(rule.certainGiven ?? [])]) {
    used.add(condition.fact);
    if ("equals" in condition) used.add(condition.equals);
    if ("differsFrom" in condition) used.add(condition.differsFrom);
  }
  for (const [, , name = ""] of `${rule.meaning} ${rule.remedy}`.matchAll(PLACEHOLDER)) used.add(name);
  const known = [...used].map((name) => [name, facts[name as FactName]] as const);
  return Object.fromEntries(known.filter((entry) => entry[1] !== undefined)) as Record<
    string,
    string | number | boolean
  >;
}

function withoutUndefined(facts: Facts): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
