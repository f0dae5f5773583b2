#!/usr/bin/env node
// One committed report per public subpath, in packages/*/etc: a change of the public surface shows as a diff
// in review. The packages must be built.
//
//   node scripts/api-reports.mjs            fails when a report is out of date
//   node scripts/api-reports.mjs --update   writes the reports

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { publicSubpaths, workspacePackages } from "./lib/packages.mjs";
import { fail } from "./lib/run.mjs";

/** @typedef {import("./lib/packages.mjs").WorkspacePackage} WorkspacePackage */
/** @typedef {import("./lib/packages.mjs").Subpath} Subpath */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TEMPORARY = join(ROOT, "node_modules/.cache/api-reports");

const { values: flags } = parseArgs({ options: { update: { type: "boolean", default: false } } });

const outdated = workspacePackages().flatMap((workspacePackage) => {
  const subpaths = publicSubpaths(workspacePackage);
  const unbuilt = subpaths.find(({ types }) => !existsSync(types));
  if (unbuilt) fail(`${unbuilt.types} is missing: run \`npm run build\` first.`);
  const stale = subpaths.filter((subpath) => !reportMatches(workspacePackage, subpath)).map(reportName);
  const names = [...stale, ...strayReports(workspacePackage, subpaths)];
  return names.map((name) => relative(ROOT, join(workspacePackage.folder, "etc", name)));
});
if (outdated.length > 0) {
  fail(`The public surface changed: run \`npm run api:update\` and commit ${outdated.join(", ")}.`);
}

/** @param {Subpath} subpath */
function reportName({ name }) {
  return `${name === "." ? "index" : name.slice(2).replaceAll("/", "-")}.api.md`;
}

/**
 * @param {WorkspacePackage} workspacePackage
 * @param {Subpath} subpath
 */
function reportMatches({ folder }, subpath) {
  mkdirSync(join(folder, "etc"), { recursive: true });
  const { apiReportChanged } = Extractor.invoke(configuration(folder, subpath), {
    localBuild: flags.update,
    messageCallback: (message) => {
      // What matters is written into the report; the console only hears of real trouble.
      message.handled = message.logLevel !== ExtractorLogLevel.Error;
    },
  });
  return flags.update || !apiReportChanged;
}

/**
 * @param {string} folder
 * @param {Subpath} subpath
 */
function configuration(folder, subpath) {
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, "package.json"),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: subpath.types,
      newlineKind: "lf",
      // The extractor brings its own TypeScript, which only reads our declarations.
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "es2023",
            lib: ["es2023", "esnext.disposable"],
            module: "nodenext",
            moduleResolution: "nodenext",
            types: ["node"],
            strict: true,
            skipLibCheck: true,
          },
          files: [subpath.types],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: reportName(subpath),
        reportFolder: join(folder, "etc"),
        reportTempFolder: join(TEMPORARY, basename(folder)),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          ...silent,
          "ae-forgotten-export": { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
        },
        tsdocMessageReporting: silent,
      },
    },
  });
}

/**
 * Reports of subpaths that are gone.
 *
 * @param {WorkspacePackage} workspacePackage
 * @param {readonly Subpath[]} subpaths
 */
function strayReports({ folder }, subpaths) {
  const etc = join(folder, "etc");
  const names = new Set(subpaths.map(reportName));
  const stray = existsSync(etc) ? readdirSync(etc).filter((file) => !names.has(file)) : [];
  if (!flags.update) return stray;
  for (const file of stray) rmSync(join(etc, file));
  return [];
}
