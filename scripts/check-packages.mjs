#!/usr/bin/env node
// Packs each package as it would be published and has publint and "are the types wrong" look at the tarball.
// The packages must be built.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pack, workspacePackages } from "./lib/packages.mjs";
import { run } from "./lib/run.mjs";

const BIN = fileURLToPath(new URL("../node_modules/", import.meta.url));
const PUBLINT = join(BIN, "publint/src/cli.js");
const ATTW = join(BIN, "@arethetypeswrong/cli/dist/index.js");

const folder = mkdtempSync(join(tmpdir(), "check-packages-"));
try {
  for (const workspacePackage of workspacePackages()) {
    const { name, path } = pack(workspacePackage, folder);
    run(process.execPath, [PUBLINT, "run", "--strict", path]);
    run(process.execPath, [ATTW, "--profile", "esm-only", "--format", "ascii", path]);
    console.log(`${name} is packed as it should be`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
