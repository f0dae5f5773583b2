import { describe, expect, test } from "vitest";
import { fill, PLACEHOLDER } from "../../src/explain/facts.js";
import { judge } from "../../src/explain/judge.js";
import type { Rule, Signal } from "../../src/explain/rule.js";
import { RULES } from "../../src/explain/table.js";
import { factsFor, seenBy } from "./sample.js";

/** Rules of which nobody can hear: whoever names them has seen it for himself. */
const OBSERVED = new Set([
  // The doctor warns of it.
  "clock-skew",
  // The token manager gets the same token again.
  "token-kept-too-long",
]);

/** What stands for a fact that is not known. */
const UNKNOWN = fill("{host}", {});

const ids = RULES.map(({ id }) => id);
const alternatives = new Set(RULES.flatMap((rule) => rule.alternatives ?? []));
const all = RULES.map((rule) => [rule.id, rule] as const);

test("every rule has an ID of its own, in kebab-case", () => {
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[a-z\d]+(?:-[a-z\d]+)*$/.test(id))).toEqual([]);
});

describe("rule", () => {
  test.each(all)("%s: only who is not certain names alternatives, and they are rules", (_, rule) => {
    const others = rule.alternatives ?? [];
    expect(others.filter((id) => !ids.includes(id) || id === rule.id)).toEqual([]);
    if (others.length > 0) expect(rule.certainty).toBe("likely");
  });

  test.each(all)("%s: what its texts name is known when it applies", (_, rule) => {
    const { managedRedis = [], cacheForRedis = [], any = [] } = rule.commands ?? {};
    const texts = [rule.meaning, rule.remedy, ...managedRedis, ...cacheForRedis, ...any];
    const facts = factsFor(rule);
    const needed = texts
      .flatMap((text) => [...text.matchAll(PLACEHOLDER)])
      .filter(([, before, , otherwise]) => before === undefined && otherwise === undefined);
    expect(needed.filter(([place]) => fill(place, facts) === UNKNOWN).map(([place]) => place)).toEqual([]);
  });

  test.each(all)("%s: the remedy is one sentence", (_, { remedy, meaning }) => {
    expect(remedy).toMatch(/^[A-Z`].*\.$/);
    expect(remedy).not.toMatch(/[.!?] [A-Z]/);
    // The end of a sentence, which brings its own full stop.
    expect(meaning).not.toMatch(/[.!?]$/);
  });

  test.each(all)("%s: no rule before it takes all its cases", (id, rule) => {
    const before = RULES.slice(0, ids.indexOf(id));
    expect(before.filter((earlier) => covers(earlier, rule)).map(({ id }) => id)).toEqual([]);
  });

  test.each(all)("%s: can be found", (id, rule) => {
    if (rule.when.length === 0) {
      expect(alternatives.has(id) || OBSERVED.has(id)).toBe(true);
      return;
    }
    const facts = factsFor(rule);
    const found = rule.when.map((signal) => judge(RULES, seenBy(signal), facts)?.rule.id);
    expect(found).toContain(id);
  });
});

/** Whether a rule applies wherever another one would. */
function covers(rule: Rule, other: Rule): boolean {
  if (other.when.length === 0) return false;
  const wanted = new Set((other.given ?? []).map(textOf));
  return (
    (rule.given ?? []).every((condition) => wanted.has(textOf(condition))) &&
    other.when.every((signal) => rule.when.some((earlier) => takes(earlier, signal)))
  );
}

function takes(earlier: Signal, signal: Signal): boolean {
  if ("aadsts" in earlier && "aadsts" in signal) {
    const { aadsts } = earlier;
    return aadsts === "any" || (signal.aadsts !== "any" && signal.aadsts.every((n) => aadsts.includes(n)));
  }
  return textOf(earlier) === textOf(signal);
}

function textOf(value: object): string {
  return JSON.stringify(value, (_, member: unknown) => (member instanceof RegExp ? String(member) : member));
}
