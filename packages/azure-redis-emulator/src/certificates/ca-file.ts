import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface CaFile {
  readonly path: string;
  /** Removes the file and its folder. */
  close(): Promise<void>;
}

/** Writes the CA certificate into a folder that only this user can open; it is gone when the process ends. */
export async function writeCaFile(pem: string): Promise<CaFile> {
  // mkdtemp creates the folder with mode 0700.
  const folder = await mkdtemp(join(tmpdir(), "azure-redis-emulator-"));
  const removeAtExit = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeAtExit);
  const path = join(folder, "ca.pem");
  await writeFile(path, pem, { mode: 0o600 });
  return {
    path,
    close: async () => {
      await rm(folder, { recursive: true, force: true });
      process.off("exit", removeAtExit);
    },
  };
}
