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

  test("has a command line, for npx and scripts", () => {
    expect(consumer.runBin(NAME, ["--version"])).toMatch(/^\d+\.\d+\.\d+/);
    expect(consumer.runBin(NAME, ["token", "--help"])).toContain("REDISCLI_AUTH");
  });

  test("what applications import has nothing of the command line in it, nor the other way round", () => {
    const imports = consumer.run(`
      import { readdirSync, readFileSync } from "node:fs";
      const folder = "node_modules/${NAME}/dist/bundle";
      const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
      const found = files.map((name) => [name, [...readFileSync(folder + "/" + name, "utf8").matchAll(/(?:from|import)\\s*\\(?"\\.\\/([^"]+)"/g)].map(([, file]) => file)]);
      console.log(JSON.stringify(Object.fromEntries(found)));
    `);
    const files = Object.entries(JSON.parse(imports) as Record<string, string[]>);
    const isOfTheCommandLine = (name: string) => /^cli[-.]/.test(name);
    expect(files.filter(([name]) => isOfTheCommandLine(name)).length).toBeGreaterThan(3);
    const mixed = files.flatMap(([name, imported]) =>
      imported
        .filter((other) => isOfTheCommandLine(other) !== isOfTheCommandLine(name))
        .map((other) => `${name} → ${other}`),
    );
    expect(mixed).toEqual([]);
    expect(files.flatMap(([, imported]) => imported).length).toBeGreaterThan(10);
  });

  test("brings the licences of what the command line contains of others", () => {
    const text = consumer.run(`
      import { readFileSync } from "node:fs";
      console.log(readFileSync("node_modules/${NAME}/dist/bundle/third-party-licences.txt", "utf8"));
    `);
    const names = [...text.matchAll(/^(\S+) \d+\.\d+\.\d+$/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(["js-yaml", "pino", "sonic-boom"]));
    const licences = text.split(/^-{80}$/m);
    expect(licences.filter((licence) => /copyright|MIT/i.test(licence))).toHaveLength(names.length);
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
