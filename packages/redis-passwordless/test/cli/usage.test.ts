import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { libraryVersion } from "../../src/diagnose/version.js";
import { run } from "./command-line.js";

const JWT = `eyJ${"a".repeat(20)}.eyJ${"b".repeat(20)}.c`;

/** What is typed, what is said of it, and variables. */
const MISTAKES: readonly (readonly [string, RegExp, Readonly<Record<string, string>>?])[] = [
  ["", /Which command\? The commands are doctor, token, proxy, wait, shutdown/],
  ["tokn", /There is no command tokn\. Did you mean token\?/],
  ["--json token", /The command comes before its flags, such as --json/],
  [JWT, /The first argument is no command/],
  ["token --clientid x", /`token` has no flag --clientid\. Did you mean --client-id\?/],
  ["token --frobnicate", /`token` has no flag --frobnicate\. It has --json, --raw,/],
  ["token -x", /`token` has no flag -x/],
  ["token --client-secret 9i8Q~secret", /There is no flag --client-secret\. .* set AZURE_CLIENT_SECRET/],
  ["token --client-secret=9i8Q~secret", /There is no flag --client-secret/],
  ["doctor --password hunter22", /an access key is no flag: set AZURE_REDIS_PASSWORD/],
  ["doctor --username me", /the object ID in the token/],
  ["doctor --insecure", /Certificates are always verified/],
  ["token --ca", /--ca needs a value: --ca FILE/],
  ["token --ca --json", /--ca needs a value, and --json follows\. Write --ca=VALUE/],
  ["token --ca=", /--ca needs a value/],
  ["token --ca /nowhere/ca.pem", /--ca names a file that cannot be read \(ENOENT\): \/nowhere\/ca\.pem/],
  [`token --ca ${import.meta.filename}`, /--ca takes a file with certificates in PEM; there is none in/],
  ["token --json=perhaps", /--json takes true or false; it got "perhaps"/],
  ["token --scope one --scope two", /--scope is given twice/],
  ["token something", /`token` takes no argument; it got 1/],
  ["doctor one two", /`doctor` takes one argument, HOST\[:PORT\]; it got 2/],
  ["doctor one:6380 --endpoint two:6380", /given twice, as argument and with --endpoint/],
  ["token --raw --json", /--raw and --json exclude each other/],
  ["token --raw --file x", /--raw and --file exclude each other/],
  ["token --watch", /--watch needs --file PATH/],
  ["token --timeout soon", /--timeout takes a number from 1 to 600; it got "soon"/],
  ["token --timeout 0", /--timeout takes a number from 1 to 600; it got "0"/],
  [`token --timeout ${JWT}`, /--timeout takes a number from 1 to 600; it got "\[token removed\]"/],
  ["doctor --pings 1.5", /--pings takes a whole number from 1 to 10000/],
  ["doctor --all-identities --identity azure-cli", /--all-identities and --identity exclude each other/],
  ["doctor --all-identities --watch", /--all-identities and --watch exclude each other/],
  ["token --client-id a --object-id b", /--client-id and --object-id exclude each other/],
  ["token --identity somebody", /--identity takes environment, managed-identity, .*; it got "somebody"/],
  [
    "token --identity azure-cli --client-id a",
    /--client-id says nothing about the identity azure-cli, which takes --tenant-id/,
  ],
  [
    "token --identity environment --object-id a",
    /--object-id says nothing about the identity environment, which takes no other flag/,
  ],
  [
    "token --identity workload-identity",
    /--federated-token-file is missing: give it, or set AZURE_FEDERATED_TOKEN_FILE/,
  ],
  [
    "token --identity service-principal --tenant-id t --client-id c",
    /needs a proof: set AZURE_CLIENT_SECRET/,
  ],
  ["token --tenant-id t", /--tenant-id does not say which identity is meant: give --identity/],
  [
    "token --certificate /nowhere/c.pem --client-id c --tenant-id t",
    /--certificate names a file that cannot be read \(ENOENT\)/,
  ],
  ["token --authority-host http://login.example", /--authority-host is invalid\..* accepts an https address/],
  ["token --scope https://redis.azure.com", /--scope is invalid\..*ends in `\/\.default`/],
  ["token --cloud mars", /--cloud is invalid\. It got "mars"/],
  ["token --prefix 9", /--prefix is invalid/],
  ["doctor https://my-cache.redis.azure.net", /argument HOST\[:PORT\]/],
  ["token --file /nowhere/token", /--file cannot be used: the folder \/nowhere is not there \(ENOENT\)/],
  [
    "token",
    /REDIS_PASSWORDLESS_TIMEOUT takes a number from 1 to 600; it got "x"/,
    { REDIS_PASSWORDLESS_TIMEOUT: "x" },
  ],
  [
    "token",
    /REDIS_PASSWORDLESS_JSON takes true or false; it got "maybe"/,
    { REDIS_PASSWORDLESS_JSON: "maybe" },
  ],
  [
    "token",
    /REDIS_PASSWORDLESS_JSON and REDIS_PASSWORDLESS_USERNAME exclude each other/,
    { REDIS_PASSWORDLESS_JSON: "1", REDIS_PASSWORDLESS_USERNAME: "1" },
  ],
];

describe.concurrent("what cannot be meant ends with exit code 2, and says what would be", () => {
  test.for(MISTAKES)("%s", async ([line, complaint, env = {}]) => {
    const { code, stdout, stderr } = await run(line === "" ? [] : line.split(" "), { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(complaint);
    expect(stderr).toMatch(/See redis-passwordless.* --help/);
    expect(stderr).not.toMatch(/9i8Q~secret|hunter22/);
    // What is wrong and where the help is; more would hide it.
    expect(stderr.trim().split("\n")).toHaveLength(2);
  });
});

test("--help shows every command, and each command's its flags with a width that fits a terminal", async () => {
  const general = await run(["--help"]);
  expect(general).toMatchObject({ code: 0, stderr: "" });
  for (const { name, summary, flags } of COMMANDS) {
    expect(general.stdout).toContain(summary);
    const { code, stdout, stderr } = await run([name, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect((await run(["help", name])).stdout).toBe(stdout);
    for (const flag of Object.keys(flags)) expect(stdout).toMatch(new RegExp(`^  --${flag}\\b`, "m"));
    const tooWide = stdout.split("\n").filter((line) => line.startsWith("  --") && line.length > 80);
    expect(tooWide).toEqual([]);
  }
});

describe("--version", () => {
  test.each([["--version"], ["token", "--version"]])("%s %s prints the version alone", async (...args) => {
    expect(await run(args)).toEqual({ code: 0, stdout: `${libraryVersion()}\n`, stderr: "" });
  });

  test("loads neither the commands nor the library", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cli-coverage-"));
    try {
      const loadedBy = async (args: readonly string[]) => {
        await run(args, { env: { NODE_V8_COVERAGE: folder } });
        const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        return files.flatMap((text) =>
          [...text.matchAll(/dist\/bundle\/(cli[\w-]*?)(?:-[\w-]{8})?\.js"/g)].map(([, name]) => name!),
        );
      };
      const forVersion = await loadedBy(["--version"]);
      expect(forVersion).toContain("cli");
      expect(forVersion.filter((name) => /doctor|token|library|help/.test(name))).toEqual([]);
      // The means are fit for it: what is loaded, shows.
      expect(await loadedBy(["token", "--timeout", "x"])).toEqual(
        expect.arrayContaining(["cli-token", "cli-library"]),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
