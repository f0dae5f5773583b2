import { run, tryRun } from "./run.mjs";

/**
 * Whether this machine has Debian's packages, and they can be installed without asking for a password.
 *
 * @returns {boolean}
 */
export function canUseApt() {
  if (tryRun("apt-get", ["--version"]) === undefined) return false;
  return isRoot() || tryRun("sudo", ["-n", "true"]) !== undefined;
}

/** @param {readonly string[]} packages */
export function installWithApt(packages) {
  // In runlevel 1 a package does not start the service that nobody asked for.
  const command = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"];
  const [program, ...args] = /** @type {[string, ...string[]]} */ (
    isRoot() ? command : ["sudo", "-n", ...command]
  );
  try {
    run(program, [...args, "update"]);
  } catch {
    // One unreachable source among many fails the whole update; whether it mattered shows in the installation.
  }
  const options = ["-y", "-o", "DPkg::Lock::Timeout=120", "--no-install-recommends"];
  run(program, [...args, "install", ...options, ...packages]);
}

function isRoot() {
  return process.getuid?.() === 0;
}
