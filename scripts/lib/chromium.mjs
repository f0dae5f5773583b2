import { tryRun } from "./run.mjs";

const NAMES = [
  "chromium-headless-shell",
  "chromium",
  "chromium-browser",
  "google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/**
 * The browser that the tests of the admin page use: `CHROMIUM_BIN` when it is set, else the first one found.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findChromium(env = process.env) {
  const chosen = env["CHROMIUM_BIN"];
  return (chosen ? [chosen] : NAMES).find((name) => tryRun(name, ["--version"]) !== undefined);
}
