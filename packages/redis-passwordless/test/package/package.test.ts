import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consumer, specifiers } from "../../../../scripts/lib/consumer.mjs";

const NAME = "redis-passwordless";

describe("the packed library", () => {
  const consumer = new Consumer();
  beforeAll(() => consumer.install([NAME], { offline: true }));
  afterAll(() => consumer[Symbol.dispose]());

  test("installs offline with nothing beside it", () => {
    expect(consumer.installed()).toEqual([NAME]);
  });

  test.each(specifiers(NAME))("%s is the same module for import and require", (specifier) => {
    const { same, exports } = consumer.importAndRequire(specifier);
    expect(same).toBe(true);
    expect(exports).not.toEqual([]);
  });

  test("can be asked for its version", () => {
    const printed = consumer.run(`
      import { createRequire } from "node:module";
      console.log(createRequire(import.meta.url)("${NAME}/package.json").version);
    `);
    expect(printed).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("holds what users need, and nothing of the workshop", () => {
    const { files } = consumer.tarballs.get(NAME)!;
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "dist/bundle/index.js", "dist/index.d.ts"]));
    expect(consumer.strayFiles(NAME)).toEqual([]);
  });
});
