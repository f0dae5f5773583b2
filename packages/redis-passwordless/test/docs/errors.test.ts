import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, code]) => code!);

describe("docs/errors.md", () => {
  const [union = ""] = /export type ErrorCode =[^;]*;/.exec(read("src/core/errors.ts")) ?? [];
  const codes = matches(union, /"(ERR_\w+)"/g);
  const docs = read("../../docs/errors.md");

  test("explains every code of the library, once, and no other", () => {
    expect(codes).not.toEqual([]);
    expect(matches(docs, /^## (ERR_\w+)$/gm).sort()).toEqual([...codes].sort());
  });

  test("explains each code in a few lines", () => {
    for (const section of docs.split(/^## /m).slice(1)) {
      const [code, ...lines] = section.split("\n").filter((line) => line.trim() !== "");
      expect(lines.length, code).toBeGreaterThanOrEqual(2);
    }
  });
});
