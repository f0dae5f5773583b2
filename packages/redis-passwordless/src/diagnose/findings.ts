import { PasswordlessError } from "../core/errors.js";
import { type Explanation, explain } from "../explain/explain.js";
import type { Facts } from "../explain/facts.js";
import { verdictOf } from "../explain/judge.js";
import { RULES } from "../explain/table.js";
import { type Finding, STEP_NAMES } from "./report.js";
import { type Failure, oneLine } from "./steps.js";

/** Causes that make other things fail, in places that have nothing to do with each other. */
const ROOTS: ReadonlySet<string> = new Set(["clock-ahead"]);

/**
 * Explains what has failed by all that is known in the end: the cause that explains others first, then errors before
 * warnings, then along the path. One cause is told once, however often it was met.
 */
export function findingsOf(failures: readonly Failure[], known: Facts): readonly Finding[] {
  const findings: Finding[] = [];
  for (const failure of failures) {
    const finding = findingOf(failure, known);
    if (!findings.some(({ rule }) => rule === finding.rule)) findings.push(finding);
  }
  return findings.sort((one, other) => rank(one) - rank(other));
}

function findingOf({ step, error, severity, facts }: Failure, known: Facts): Finding {
  const explanation = explain(error, { ...known, ...facts }) ?? unexplained(error);
  return { step, severity, ...explanation };
}

function rank({ rule, severity, step }: Finding): number {
  const kind = severity === "warning" ? 2 : ROOTS.has(rule) ? 0 : 1;
  return kind * STEP_NAMES.length + STEP_NAMES.indexOf(step);
}

/** What nobody has met yet is shown as it is. */
function unexplained(error: unknown): Explanation {
  const observed = oneLine(error);
  const own = new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: observed,
    remedy: "See what was observed; no known cause looks like this.",
  });
  return {
    code: own.code,
    rule: own.rule,
    certainty: "possible",
    observed,
    meaning: "no known cause looks like this",
    remedy: own.remedy,
    commands: [],
    alternatives: [],
    evidence: {},
    retryable: true,
    docsUrl: own.docsUrl,
  };
}

/** The error for a cause that an examination has found out by itself. */
export function causeError(
  ruleId: string,
  observed: string,
  facts: Facts = {},
  cause?: unknown,
): PasswordlessError {
  const rule = RULES.find(({ id }) => id === ruleId);
  if (rule === undefined) throw new TypeError(`There is no rule "${ruleId}".`);
  const { remedy } = verdictOf(rule, facts);
  const details = Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as Record<string, string | number | boolean>;
  return new PasswordlessError(rule.code, {
    message: observed,
    remedy,
    rule: ruleId,
    details,
    ...(cause === undefined ? {} : { cause }),
  });
}
