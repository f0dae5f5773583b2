#!/usr/bin/env node
// Removes everything that building and testing leave behind, also the output of sources that are gone, which
// would otherwise be published.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { workspacePackages } from "./lib/packages.mjs";

const folders = workspacePackages().map(({ folder }) => join(folder, "dist"));
for (const folder of [...folders, fileURLToPath(new URL("../coverage", import.meta.url))]) {
  rmSync(folder, { recursive: true, force: true });
}
