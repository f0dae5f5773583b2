import { type Facts, fill, holds } from "./facts.js";
import { isSeen, type Observation } from "./observation.js";
import type { Commands, Rule } from "./rule.js";

/** A rule that fits, with the facts filled in. */
export interface Verdict {
  readonly rule: Rule;
  readonly meaning: string;
  readonly remedy: string;
  readonly commands: readonly string[];
}

/** The first rule that fits what was seen and what is known. */
export function judge(rules: readonly Rule[], seen: Observation, facts: Facts = {}): Verdict | undefined {
  const rule = rules.find(
    ({ when, given = [] }) =>
      when.some((signal) => isSeen(signal, seen)) && given.every((condition) => holds(condition, facts)),
  );
  return rule && verdictOf(rule, facts);
}

export function verdictOf(rule: Rule, facts: Facts): Verdict {
  return {
    rule,
    meaning: fill(rule.meaning, facts),
    remedy: fill(rule.remedy, facts),
    commands: commandsOf(rule.commands, facts),
  };
}

function commandsOf(commands: Commands | undefined, facts: Facts): string[] {
  if (commands === undefined) return [];
  const { managedRedis = [], cacheForRedis = [], any = [] } = commands;
  const ofProduct =
    facts.product === "managedRedis"
      ? managedRedis
      : facts.product === "cacheForRedis"
        ? cacheForRedis
        : [...managedRedis, ...cacheForRedis];
  return [...any, ...ofProduct].map((command) => fill(command, facts));
}
