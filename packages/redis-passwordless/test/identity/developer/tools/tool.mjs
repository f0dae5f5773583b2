// Stands in for `az`, `azd` and `pwsh`: takes exactly the arguments that the real tool takes, and answers in its
// format, with a token of the emulator. Which user is logged in, or what the tool complains about, is in the file
// TOOLS_STATE: `{ "az": { "objectId" } }` or `{ "az": { "stderr" } }`. A tool that is not in it is not installed.

import { appendFileSync, readFileSync } from "node:fs";

const [tool = "", ...args] = process.argv.slice(2);
const { env } = process;
/** @type {Record<string, { objectId?: string, stderr?: string }>} */
const state = JSON.parse(readFileSync(env["TOOLS_STATE"] ?? "", "utf8"));
const RESOURCE = "https://redis.azure.com";

/** @param {string} message @param {number} code @returns {never} */
function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

async function token() {
  const { objectId, stderr } = state[tool] ?? {};
  if (stderr !== undefined) fail(stderr);
  const response = await fetch(`${env["AZURE_REDIS_EMULATOR_URL"]}/tokens`, {
    method: "POST",
    body: JSON.stringify({ objectId }),
  });
  const { token } = /** @type {{ token: string }} */ (await response.json());
  const { exp, tid } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  return { token, tid, expiresAt: new Date(exp * 1000) };
}

/** `az account get-access-token`, Azure CLI 2.54 and later. */
async function az() {
  const [, , , , , , flag, tenant] = args;
  const expected = ["account", "get-access-token", "--output", "json", "--resource", RESOURCE];
  if (flag !== undefined) expected.push("--tenant", tenant ?? "");
  if (args.join(" ") !== expected.join(" ")) fail(`ERROR: unrecognized arguments: ${args.join(" ")}`, 2);
  const { token: accessToken, tid, expiresAt } = await token();
  if (tenant !== undefined && tenant !== tid) fail(`ERROR: AADSTS90002: Tenant '${tenant}' not found.`);
  // Local time, without a zone, and with microseconds.
  const local = new Date(expiresAt.getTime() - expiresAt.getTimezoneOffset() * 60_000).toISOString();
  return {
    accessToken,
    expiresOn: `${local.slice(0, 10)} ${local.slice(11, 19)}.000000`,
    expires_on: expiresAt.getTime() / 1000,
    subscription: "00000000-0000-0000-0000-000000000001",
    tenant: tid,
    tokenType: "Bearer",
  };
}

/** `azd auth token`, Azure Developer CLI 1.x. */
async function azd() {
  const expected = ["auth", "token", "--output", "json", "--no-prompt", "--scope", `${RESOURCE}/.default`];
  if (args.join(" ") !== expected.join(" ")) fail(`ERROR: unknown flag in: ${args.join(" ")}`);
  const { token: value, expiresAt } = await token();
  return { token: value, expiresOn: expiresAt.toISOString().replace(".000Z", "Z") };
}

/** PowerShell 7 with the module Az.Accounts; the script that it is given is looked at, not run. */
async function pwsh() {
  if (args.join(" ") === "/?") return undefined;
  const [profile, interactive, command, script = ""] = args;
  const isCall =
    profile === "-NoProfile" &&
    interactive === "-NonInteractive" &&
    command === "-Command" &&
    args.length === 4 &&
    script.includes("Get-AzAccessToken @params") &&
    script.includes(`ResourceUrl = "${RESOURCE}"`);
  if (!isCall) fail(`pwsh: The argument is not recognized: ${args.join(" ")}`, 64);
  const { token: Token, expiresAt } = await token();
  return { ExpiresOn: expiresAt.toISOString().replace(".000Z", "+00:00"), Token };
}

const TOOLS = { az, azd, pwsh };
const run = TOOLS[/** @type {keyof typeof TOOLS} */ (tool)];
appendFileSync(env["TOOLS_LOG"] ?? "", `${JSON.stringify({ tool, args })}\n`);
const answer = await run();
process.stdout.write(answer === undefined ? "Usage: pwsh[.exe]\n" : `${JSON.stringify(answer, null, 2)}\n`);
