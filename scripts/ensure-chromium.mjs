#!/usr/bin/env node
// Makes sure that the tests of the admin page find a browser: silent when there is one, else Debian's package of 65 MB
// is installed where that needs no password.

import { canUseApt, installWithApt } from "./lib/apt.mjs";
import { findChromium } from "./lib/chromium.mjs";
import { fail } from "./lib/run.mjs";

const ADVICE = "install Chromium or Chrome, or set CHROMIUM_BIN to one";

if (findChromium() === undefined) {
  if (process.env["CHROMIUM_BIN"])
    fail(`CHROMIUM_BIN is "${process.env["CHROMIUM_BIN"]}", which is no browser.`);
  if (!canUseApt()) fail(`No browser was found: ${ADVICE}.`);
  console.error("Installing chromium-headless-shell with apt-get ...");
  try {
    installWithApt(["chromium-headless-shell"]);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, " ") : String(error);
    fail(`chromium-headless-shell could not be installed (${reason}): ${ADVICE}.`);
  }
  if (findChromium() === undefined) fail(`The browser that was installed does not start: ${ADVICE}.`);
}
