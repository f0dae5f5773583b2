import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../readme/code-blocks.js";

/** All that is committed, or would be; relative to the root. */
export function repositoryFiles(): string[] {
  const listing = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return listing.split("\0").filter((file) => file !== "" && existsSync(join(ROOT, file)));
}
