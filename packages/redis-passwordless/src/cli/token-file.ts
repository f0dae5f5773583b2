import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, lstat, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Only the user whose process writes it may read it. */
const MODE = 0o600;
/** What a process that was killed has left behind is older than this, in milliseconds. */
const LEFT_BEHIND_MS = 60_000;

/** Why a token cannot be kept at a path. */
export class UnusablePathError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UnusablePathError";
  }
}

/** What stands beside the token, for programs: whose it is and until when. */
export interface TokenFacts {
  readonly username: string;
  readonly expiresAtMs: number;
  /** The same in ISO 8601. */
  readonly expiresAt: string;
  readonly refreshedAtMs: number;
  readonly tenantId?: string;
  readonly audience?: string;
}

/**
 * A token in a file, with its facts in a second one, PATH.json. Each is replaced in one step by a file that is complete
 * and was never readable for anybody else, so a reader sees the old one or the new one and nothing between.
 *
 * A symbolic link is refused: replaced by the file, it would silently lead nowhere any more, and followed, somebody
 * else's link would decide which file is overwritten.
 */
export class TokenFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Looks at once whether the files can be written there.
   *
   * @throws {UnusablePathError} for a folder that is missing or cannot be written, and for anything at the path that
   * is not a regular file
   */
  static async at(path: string): Promise<TokenFile> {
    await assertFolder(dirname(path));
    for (const file of [path, `${path}.json`]) await assertReplaceable(file);
    await removeLeftovers(path);
    return new TokenFile(path);
  }

  /**
   * Replaces both files, the token first: what the facts describe is never newer than the token.
   *
   * The token ends without a line break, because programs hand on what they read: with one, it is another password.
   */
  async write(token: string, facts: TokenFacts): Promise<void> {
    await replace(this.path, token);
    await replace(`${this.path}.json`, `${JSON.stringify(facts)}\n`);
  }
}

async function replace(path: string, content: string): Promise<void> {
  // In the same folder: a rename is one step only within a file system, and a mounted volume is one of its own.
  const temporary = join(
    dirname(path),
    `${temporaryPrefix(path)}${process.pid}-${randomBytes(6).toString("hex")}`,
  );
  try {
    const file = await open(temporary, "wx", MODE);
    try {
      // The umask can take more away than meant.
      await file.chmod(MODE);
      await file.writeFile(content);
      // Without it, a machine that loses power may keep the new name with nothing in it.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function temporaryPrefix(path: string): string {
  return `.${basename(path)}.new-`;
}

async function assertFolder(folder: string): Promise<void> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(folder);
  } catch (error) {
    throw new UnusablePathError(`the folder ${folder} is not there (${codeOf(error)})`, { cause: error });
  }
  if (!found.isDirectory()) throw new UnusablePathError(`${folder} is not a folder`);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UnusablePathError(`this user may not write to the folder ${folder} (${codeOf(error)})`, {
      cause: error,
    });
  }
}

async function assertReplaceable(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new UnusablePathError(`${path} cannot be looked at (${codeOf(error)})`, { cause: error });
  });
  if (found === undefined || found.isFile()) return;
  if (found.isDirectory()) throw new UnusablePathError(`${path} is a folder; name a file in it`);
  if (found.isSymbolicLink()) throw new UnusablePathError(`${path} is a symbolic link; name the file itself`);
  throw new UnusablePathError(`${path} is not a regular file`);
}

/** A process that was killed while it wrote has left a token behind. */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const prefixes = [temporaryPrefix(path), temporaryPrefix(`${path}.json`)];
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))) {
    const file = join(folder, name);
    const found = await lstat(file).catch(() => undefined);
    if (found?.isFile() === true && Date.now() - found.mtimeMs > LEFT_BEHIND_MS)
      await rm(file, { force: true }).catch(() => {});
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
