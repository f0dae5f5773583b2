import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "./run.mjs";

const KEYRINGS = ["gpg", "pgp"].map((type) => `/usr/share/keyrings/debian-archive-keyring.${type}`);

/** This system cannot have what is asked for; nothing is broken. */
export class UnsupportedSystemError extends Error {}

/**
 * An apt-get that knows one release of Debian, believes that nothing is installed and leaves the system alone. It takes
 * this machine's mirror, and checks the release's signature and the hash of everything.
 *
 * @param {string} work a folder for it alone
 * @param {"deb" | "deb-src"} type
 * @param {string} release
 * @returns {(args: readonly string[], cwd?: string) => string}
 */
export function privateApt(work, type, release) {
  const keyring = KEYRINGS.find((path) => existsSync(path));
  if (!keyring) throw new Error("debian-archive-keyring is missing, so the packages cannot be verified.");
  for (const folder of ["lists/partial", "archives/partial", "none"]) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  writeFileSync(join(work, "status"), "");
  writeFileSync(
    join(work, "sources.list"),
    `${type} [signed-by=${keyring}] ${debian().mirror} ${release} main\n`,
  );
  const settings = [
    `Dir::State=${work}`,
    `Dir::State::Lists=${work}/lists`,
    `Dir::State::status=${work}/status`,
    `Dir::Cache=${work}`,
    `Dir::Cache::Archives=${work}/archives`,
    `Dir::Etc::SourceList=${work}/sources.list`,
    `Dir::Etc::SourceParts=${work}/none`,
    `Dir::Etc::Preferences=${work}/none`,
    `Dir::Etc::PreferencesParts=${work}/none`,
    "Acquire::Languages=none",
    "APT::Install-Recommends=false",
    // The private root belongs to us alone, so there is nobody to lock out and nobody to step down to.
    "Debug::NoLocking=1",
    `APT::Sandbox::User=${tryRun("id", ["-un"]) ?? "root"}`,
  ].flatMap((setting) => ["-o", setting]);
  return (args, cwd = work) => run("apt-get", [...settings, "-qq", "-y", ...args], { cwd });
}

/** The release of Debian that this machine runs, and the mirror that it takes it from. */
export function debian() {
  const about = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(about)?.[1];
  const targets = tryRun("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI) $(RELEASE) $(COMPONENT)",
    "Created-By: Packages",
  ]);
  const lines = (targets ?? "").split("\n").map((line) => line.split(" "));
  const mirror = lines.find(([, suite, component]) => suite === release && component === "main")?.[0];
  if (!/^ID=debian$/m.test(about) || !release || !mirror) {
    throw new UnsupportedSystemError("they are fetched on Debian only, from its own mirror.");
  }
  return { release, mirror };
}
