import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CodeBlock, ROOT } from "./code-blocks.js";

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder in which this workspace's packages are installed, as a reader of a README has it. */
export class Workshop implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "readme-"));
  readonly #names = new Map<CodeBlock, string>();
  #diagnostics = "";

  constructor(files: Readonly<Record<string, string>> = {}) {
    symlinkSync(join(ROOT, "node_modules"), join(this.#folder, "node_modules"), "dir");
    writeFileSync(join(this.#folder, "package.json"), '{ "type": "module" }');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#folder, name), text);
  }

  /** Compiles the blocks, all at once, as the strictest of readers would. */
  compile(blocks: readonly CodeBlock[], prepare: (block: CodeBlock) => string): void {
    for (const [index, block] of blocks.entries()) {
      const name = `block-${index}`;
      this.#names.set(block, name);
      writeFileSync(join(this.#folder, `${name}.ts`), prepare(block));
    }
    const settings = {
      extends: join(ROOT, "tsconfig.base.json"),
      compilerOptions: { composite: false, declaration: false, declarationMap: false, sourceMap: false },
      include: ["block-*.ts"],
    };
    writeFileSync(join(this.#folder, "tsconfig.json"), JSON.stringify(settings));
    const { status, stdout, stderr } = tsc(this.#folder);
    const aboutBlocks = /^(?:block-\d+\.ts|\s|$)/;
    if ((status !== 0 && stdout === "") || stdout.split("\n").some((line) => !aboutBlocks.test(line))) {
      throw new Error(`tsc ended with ${status}: ${stdout}${stderr}`);
    }
    this.#diagnostics = stdout;
  }

  /** What the compiler has to say about a block. */
  diagnostics(block: CodeBlock): string[] {
    const prefix = `${this.#names.get(block)}.ts`;
    return this.#diagnostics.split("\n").filter((line) => line.startsWith(prefix));
  }

  /** Runs a block in a process of its own, in this environment and nothing else but `PATH`. */
  run(block: CodeBlock, env: Readonly<Record<string, string>>): Promise<Outcome> {
    const path = join(this.#folder, `${this.#names.get(block)}.js`);
    const child = spawn(process.execPath, [path], {
      cwd: this.#folder,
      env: { PATH: process.env["PATH"], REDIS_SERVER_BIN: process.env["REDIS_SERVER_BIN"], ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function tsc(folder: string): SpawnSyncReturns<string> {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: { tsc: string } };
  return spawnSync(process.execPath, [join(dirname(manifest), bin.tsc), "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8",
  });
}
