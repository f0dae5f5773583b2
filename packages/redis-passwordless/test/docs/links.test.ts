import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../readme/code-blocks.js";
import { repositoryFiles } from "./repository-files.js";

const DOCUMENTS = repositoryFiles().filter((file) => file.endsWith(".md") && !file.startsWith(".changeset/"));
const LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g;

test.each(DOCUMENTS)("%s links to files and headings that exist", (file) => {
  const broken = [...textOf(file).matchAll(LINK)]
    .filter(
      ([, path = "", heading]) => !leadsSomewhere(path === "" ? file : join(dirname(file), path), heading),
    )
    .map(([link]) => link);
  expect(broken).toEqual([]);
});

test("what is examined includes the documents that everybody begins with", () => {
  expect(DOCUMENTS).toEqual(expect.arrayContaining(["README.md", "docs/azure.md", "docs/errors.md"]));
  expect(textOf("README.md").match(LINK)?.length).toBeGreaterThan(20);
});

function leadsSomewhere(file: string, heading: string | undefined): boolean {
  if (!existsSync(join(ROOT, file))) return false;
  return heading === undefined || !file.endsWith(".md") || anchorsIn(textOf(file)).includes(heading);
}

/** As GitHub makes them of headings. */
function anchorsIn(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
