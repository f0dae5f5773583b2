import type { Condition, Facts } from "../../src/explain/facts.js";
import type { Observation } from "../../src/explain/observation.js";
import type { Rule, Signal } from "../../src/explain/rule.js";

/** A text that a pattern matches. */
export function sample(pattern: RegExp): string {
  const text = new Sampler(pattern.source).alternatives();
  if (!pattern.test(text)) throw new Error(`${JSON.stringify(text)} is no sample of ${pattern}`);
  return text;
}

/** What is seen when this signal, and nothing else, is there. */
export function seenBy(signal: Signal): Observation {
  if ("aadsts" in signal) return { aadsts: signal.aadsts === "any" ? [1] : signal.aadsts.slice(0, 1) };
  if ("library" in signal) return { library: [signal.library], from: signal.from };
  if ("reply" in signal) return { reply: sample(signal.reply) };
  const { from } = signal;
  if ("network" in signal) return { from, codes: [sample(signal.network)] };
  if ("says" in signal) return { from, texts: [sample(signal.says)] };
  if ("name" in signal) return { from, names: [sample(signal.name)] };
  const { http, body, isForeign } = signal;
  return {
    from,
    status: typeof http === "number" ? http : Number(sample(http)),
    body: body === undefined ? "" : sample(body),
    isForeign,
  };
}

/** Facts of which all that a rule wants to be known is so. */
export function factsFor({ given = [] }: Rule): Facts {
  const facts: Record<string, unknown> = {};
  for (const condition of given) fulfil(condition, facts);
  return facts;
}

function fulfil(condition: Condition, facts: Record<string, unknown>): void {
  const { fact } = condition;
  if ("is" in condition) facts[fact] = condition.is;
  else if ("matches" in condition) facts[fact] = sample(condition.matches);
  else if ("above" in condition) facts[fact] = condition.above + 1;
  else if ("below" in condition) facts[fact] = condition.below - 1;
  else if ("equals" in condition) facts[fact] = facts[condition.equals] ??= facts[fact] ?? "the same";
  else if ("differsFrom" in condition) {
    facts[fact] ??= `a ${fact}`;
    facts[condition.differsFrom] ??= `a ${condition.differsFrom}`;
  } else if (condition.isKnown) facts[fact] ??= `a ${fact}`;
}

/** What `.` stands for: between words, where most patterns have it. */
const ANYTHING = " ";

/** Walks through a pattern and takes the first way everywhere; knows what the rules' patterns use. */
class Sampler {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  alternatives(): string {
    const first = this.#sequence();
    while (this.#source[this.#at] === "|") {
      this.#at += 1;
      this.#sequence();
    }
    return first;
  }

  #sequence(): string {
    let text = "";
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at] ?? "")) {
      text += this.#quantified(this.#atom());
    }
    return text;
  }

  #atom(): string {
    const character = this.#source[this.#at++] ?? "";
    if (character === "(") return this.#group();
    if (character === "[") return this.#oneOf();
    if (character === "\\") return escaped(this.#source[this.#at++] ?? "");
    if (character === "^" || character === "$") return "";
    return character === "." ? ANYTHING : character;
  }

  #group(): string {
    const [start = ""] = /^(?:\?(?:[:!=]|<[!=]|<\w+>))?/.exec(this.#source.slice(this.#at)) ?? [];
    this.#at += start.length;
    const text = this.alternatives();
    this.#at += 1;
    // What must, or must not, come next or have come before is no text of its own.
    return /[!=]$/.test(start) ? "" : text;
  }

  #oneOf(): string {
    const end = this.#source.indexOf("]", this.#at);
    const members = this.#source.slice(this.#at, end);
    this.#at = end + 1;
    if (members.startsWith("^")) return "x";
    return members.startsWith("\\") ? escaped(members[1] ?? "") : (members[0] ?? "");
  }

  #quantified(text: string): string {
    const [all = "", least] = /^(?:[?*+]|\{(\d+)[^}]*\})\??/.exec(this.#source.slice(this.#at)) ?? [];
    this.#at += all.length;
    if (all.startsWith("?") || all.startsWith("*")) return text === ANYTHING ? text : "";
    return least === undefined ? text : text.repeat(Number(least));
  }
}

function escaped(character: string): string {
  return { b: "", B: "", d: "4", w: "a", s: " ", S: "x", r: "\r", n: "\n" }[character] ?? character;
}
