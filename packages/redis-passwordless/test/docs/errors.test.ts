import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RULES } from "../../src/explain/table.js";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found]) => found!);

describe("docs/errors.md", () => {
  const [union = ""] = /export type ErrorCode =[^;]*;/.exec(read("src/core/errors.ts")) ?? [];
  const codes = matches(union, /"(ERR_\w+)"/g);
  const docs = read("../../docs/errors.md");
  const sections = docs.split(/^## /m).slice(1);

  test("explains every code of the library, once, and no other", () => {
    expect(codes).not.toEqual([]);
    expect(matches(docs, /^## (ERR_\w+)$/gm).sort()).toEqual([...codes].sort());
  });

  test("lists every code at its top", () => {
    expect(matches(docs, /^- \[(ERR_\w+)\]\(#err_\w+\)$/gm).sort()).toEqual([...codes].sort());
  });

  test("explains each code in a few lines", () => {
    for (const section of sections) {
      const [code, ...lines] = section.split("\n").filter((line) => line.trim() !== "");
      expect(lines.length, code).toBeGreaterThanOrEqual(2);
    }
  });

  test("explains every cause that is known under its code, once, and no other", () => {
    const explained = sections.flatMap((section) => {
      const [code = ""] = section.split("\n", 1);
      return matches(section, /^### (.+)$/gm).map((rule) => `${code}: ${rule}`);
    });
    expect(explained.sort()).toEqual(RULES.map(({ code, id }) => `${code}: ${id}`).sort());
  });

  test("says something about each cause", () => {
    for (const cause of docs.split(/^### /m).slice(1)) {
      const [rule, text = ""] = cause.split(/\n\n/, 2);
      expect(text, rule).toMatch(/^[^#\s].{20,}/);
    }
  });
});
