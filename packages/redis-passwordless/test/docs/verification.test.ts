import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../readme/code-blocks.js";
import { repositoryFiles } from "./repository-files.js";

/** These prove that it is refused. */
const PROOFS = [
  "packages/redis-passwordless/test/adapters/ioredis/options.test.ts",
  "packages/redis-passwordless/test/adapters/node-redis/options.test.ts",
];

/** How the verification of certificates is switched off in Node.js: the option, quoted or not, and the variable. */
const SWITCHED_OFF =
  /rejectUnauthorized["']?\s*[:=]\s*false|NODE_TLS_REJECT_UNAUTHORIZED["']?\s*[:=]\s*["']?0/;

test("verification of certificates is switched off nowhere, be it code, test, example or text", () => {
  const files = repositoryFiles();
  expect(files).toEqual(expect.arrayContaining(["README.md", "examples/ioredis/main.mjs", ...PROOFS]));
  const offenders = files.filter((file) => SWITCHED_OFF.test(readFileSync(join(ROOT, file), "utf8")));
  expect(offenders.sort()).toEqual(PROOFS);
});
