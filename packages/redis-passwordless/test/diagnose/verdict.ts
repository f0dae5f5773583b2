import type { Outcome } from "./examination.js";
import type { Diagnosis } from "./set-ups/set-up.js";

/** What is wrong with what the doctor has said of a set-up; empty when it is right. */
export function misses({ setUp: { expected }, examined }: Outcome): readonly string[] {
  const { report, exitCode, stdout, stderr } = examined;
  if (report === undefined)
    return [`no report, exit code ${exitCode}: ${stdout.slice(0, 300)}${stderr.slice(0, 600)}`];
  const { findings } = report;
  const wrong: string[] = [];
  const hasError = findings.some(({ severity }) => severity === "error");
  if (report.isHealthy === hasError) wrong.push(`isHealthy is ${report.isHealthy}`);
  if (exitCode !== (hasError ? 1 : 0)) wrong.push(`exit code ${exitCode}`);
  if (expected === "healthy" || expected === "flawless") {
    const unwanted =
      expected === "flawless" ? findings : findings.filter(({ severity }) => severity === "error");
    return [...wrong, ...unwanted.map(({ rule, observed }) => `finds ${rule}: ${observed}`)];
  }
  return [...wrong, ...missed(expected, findings)];
}

type Findings = NonNullable<Outcome["examined"]["report"]>["findings"];

function missed(expected: Diagnosis, findings: Findings): string[] {
  const [first] = findings;
  if (first === undefined) return [`finds nothing instead of ${expected.rule}`];
  const { severity = "error", certainty, alternatives = [], also = [], says } = expected;
  const wrong: string[] = [];
  if (!isTrue(first.rule, expected)) {
    return [`${first.rule} (${first.certainty}) instead of ${expected.rule}: ${first.observed}`];
  }
  if (first.severity !== severity) wrong.push(`severity ${first.severity} of ${first.rule}`);
  const isExact = first.rule === expected.rule;
  if (isExact && certainty !== undefined && first.certainty !== certainty) {
    wrong.push(`${first.rule} is ${first.certainty} instead of ${certainty}`);
  }
  const named = first.alternatives.map(({ rule }) => rule);
  const forgotten = isExact ? alternatives.filter((rule) => !named.includes(rule)) : [];
  if (forgotten.length > 0)
    wrong.push(`${first.rule} does not name ${forgotten.join(", ")} but ${named.join(", ")}`);
  const hidden = also.filter((rule) => !findings.some((finding) => finding.rule === rule));
  if (hidden.length > 0) {
    wrong.push(`${hidden.join(", ")} is hidden behind ${findings.map(({ rule }) => rule).join(", ")}`);
  }
  const text = `${first.meaning} ${first.remedy} ${first.observed}`;
  if (isExact && says !== undefined && !says.test(text))
    wrong.push(`${first.rule} does not say ${says}: ${text}`);
  return wrong;
}

/** Whether the rule of the first finding is the right one. */
export function isRight({ setUp: { expected }, examined: { report } }: Outcome): boolean {
  const [first] = report?.findings ?? [];
  if (typeof expected === "string") return report?.isHealthy === true;
  return first !== undefined && isTrue(first.rule, expected);
}

/** Findings that are said to be certain, of causes that are not there. */
export function falseCertainties({ setUp: { expected }, examined: { report } }: Outcome): readonly string[] {
  const certain = (report?.findings ?? []).filter((finding) => finding.certainty === "certain");
  const untrue =
    typeof expected === "string"
      ? certain.filter(({ severity }) => severity === "error")
      : certain.filter(({ rule }) => !isTrue(rule, expected) && !(expected.also ?? []).includes(rule));
  return untrue.map(({ rule, observed }) => `${rule} as certain: ${observed}`);
}

function isTrue(rule: string, { rule: right, equallyTrue = {} }: Diagnosis): boolean {
  return rule === right || Object.hasOwn(equallyTrue, rule);
}
