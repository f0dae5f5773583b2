import { readFileSync } from "node:fs";

/** The library's version. Source, compiled file and bundle all lie two folders below `package.json`. */
export function libraryVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
