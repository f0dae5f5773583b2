import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consumer, specifiers } from "../../../../scripts/lib/consumer.mjs";

const NAME = "azure-redis-emulator";

describe("the packed emulator", () => {
  const consumer = new Consumer();
  beforeAll(() => consumer.install(["resp-framing", NAME]));
  afterAll(() => consumer[Symbol.dispose]());

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
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "dist/index.js", "dist/index.d.ts"]));
    expect(consumer.strayFiles(NAME)).toEqual([]);
  });

  test("its command line explains itself", () => {
    expect(consumer.runBin("azure-redis-emulator", ["--help"])).toContain("azure-redis-emulator");
  });
});
