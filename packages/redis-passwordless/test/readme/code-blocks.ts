import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A fenced block of a document. */
export interface CodeBlock {
  /** `README.md:12`: the file, and the line of its fence. */
  readonly place: string;
  readonly language: string;
  readonly code: string;
  /** Why it is not run, from a comment `<!-- readme: type-checked only, because … -->` above it. */
  readonly notRun: string | undefined;
  /** What it prints, if a block `text` right below it says so. */
  readonly output: string | undefined;
}

export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

const FENCE =
  /^(?:<!-- readme: (?<mark>[^\n]+) -->\n\n)?```(?<language>\w*)\n(?<code>.*?)^```$(?:\n\n```text\n(?<output>.*?)^```$)?/gms;
const NOT_RUN = /^type-checked only, because (?<reason>.{10,})$/;

/** Every code block of the README at the root, of each package's, and of the references for Azure and errors. */
export function codeBlocks(): CodeBlock[] {
  const packages = readdirSync(`${ROOT}/packages`).map((name) => `packages/${name}/README.md`);
  return ["README.md", ...packages, "docs/azure.md", "docs/errors.md"].flatMap((file) =>
    blocksOf(file, readFileSync(`${ROOT}/${file}`, "utf8")),
  );
}

function blocksOf(file: string, text: string): CodeBlock[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const { mark, language = "", code = "", output } = match.groups ?? {};
    const line = text.slice(0, match.index).split("\n").length + (mark === undefined ? 0 : 2);
    const place = `${file}:${line}`;
    const notRun = mark === undefined ? undefined : NOT_RUN.exec(mark)?.groups?.["reason"];
    if (mark !== undefined && notRun === undefined) {
      throw new Error(`${place}: a block that is not run says why: "type-checked only, because …"`);
    }
    return { place, language, code, notRun, output };
  });
}
