#!/usr/bin/env node
// Puts the library's modules into a few files. A process that starts cold spends most of the import on finding and
// opening modules, about half a millisecond for each of forty; what is imported lazily stays in files of its own.

import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { thirdPartyLicences } from "./lib/third-party.mjs";

const folder = fileURLToPath(new URL("../packages/redis-passwordless/", import.meta.url));
const output = `${folder}dist/bundle`;

/** Everything of our own is in; what the user has installed is not. @param {string} id */
const isExternal = (id) =>
  id !== "resp-framing" &&
  !id.includes("resp-framing") &&
  !id.startsWith(".") &&
  !id.startsWith("/") &&
  !/^[a-z]:/i.test(id) &&
  !id.startsWith("src/");

const { peerDependencies } = JSON.parse(await readFile(`${folder}package.json`, "utf8"));

/**
 * The command line brings what it needs, so that nobody installs it; what the user has beside it stays the user's.
 *
 * @param {string} id
 */
const isPeer = (id) => Object.keys(peerDependencies).some((name) => id === name || id.startsWith(`${name}/`));

await rm(output, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: folder,
  input: {
    index: "src/index.ts",
    "node-redis": "src/node-redis.ts",
    ioredis: "src/ioredis.ts",
    azure: "src/azure.ts",
    testing: "src/testing/index.ts",
  },
  platform: "node",
  external: isExternal,
});
await bundle.write({
  dir: output,
  format: "esm",
  sourcemap: true,
  entryFileNames: "[name].js",
  chunkFileNames: "[name]-[hash].js",
  codeSplitting: {
    groups: [
      // What the next group and everything else stand on. In that group's file it would take the whole file along.
      {
        name: "core",
        priority: 3,
        test: /src[\\/]core[\\/]|identity[\\/](?:clouds|guid)\.ts$|explain[\\/](?:developer-tool|error|facts|judge|observation|rules[\\/]token)\.ts$/,
      },
      // What all entries need: who logs in, and where.
      {
        name: "identity",
        priority: 2,
        test: /src[\\/]topology[\\/]|azure[\\/](?:entra-id|endpoint|address|address-map)\.ts$|explain[\\/]rules[\\/](?:network|redis)\.ts$/,
      },
      // What every adapter and its one call need.
      {
        name: "azure",
        priority: 1,
        test: /src[\\/]azure[\\/](?!descri|known)|one-call[\\/](?!node-redis|ioredis)|adapters[\\/][a-z]+\.ts$|reauth[\\/](?:token-wait|probe)\.ts$/,
      },
      // What a production identity needs for its first token: one file, loaded with the first request.
      {
        name: "token-request",
        test: /identity[\\/](?:http|managed-identity|token-response|token-endpoint|workload-identity)\.ts$/,
      },
      // Why it failed: loaded when it does, and with what explains errors.
      {
        name: "identity-rules",
        test: /explain[\\/]rules[\\/](?:entra-id|managed-identity|developer-tools)\.ts$/,
      },
    ],
  },
});
await bundle.close();

// A bundle of its own: what the command line shares with the library would otherwise be cut out of the library's files
// into more files, which every application would have to open. Two copies never meet in one process.
const commandLine = await rolldown({
  cwd: folder,
  input: { cli: "src/cli/main.ts" },
  platform: "node",
  external: isPeer,
  // Of the library, little is lazy here: its modules are in few files, as below.
  checks: { ineffectiveDynamicImport: false },
});
const written = await commandLine.write({
  dir: output,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "cli-[name]-[hash].js",
  codeSplitting: {
    groups: [
      // All that `--version` and a misspelt flag need.
      { name: "start", priority: 3, test: /src[\\/]core[\\/](?:errors|sanitise|unknown-options)\.ts$/ },
      // Certificates with their key in PFX, which few have.
      {
        name: "certificate",
        priority: 2,
        test: /identity[\\/](?:certificate|der|pkcs12|password-encryption|rc2)\.ts$/,
      },
      // What every command needs; the commands themselves are loaded when they run.
      { name: "library", priority: 1, test: /src[\\/](?!cli|diagnose|proxy)[a-z-]+[\\/]|resp-framing/ },
    ],
  },
});
await commandLine.close();
const modules = written.output.flatMap((file) => (file.type === "chunk" ? Object.keys(file.modules) : []));
await writeFile(`${output}/third-party-licences.txt`, thirdPartyLicences(modules));
// npm makes the command executable where it is installed; this is for whoever runs it from here.
await chmod(`${output}/cli.js`, 0o755);
