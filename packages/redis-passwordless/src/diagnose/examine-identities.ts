import type { Candidate } from "./candidates.js";
import { type Examined, examineAll } from "./examine.js";
import { findingsOf } from "./findings.js";
import { type DoctorOptions, type DoctorSurroundings, resolveOptions, type Watch } from "./options.js";
import type { DoctorReport, Finding, IdentitiesReport, IdentityRow, StepName } from "./report.js";
import { stopwatch } from "./time-limit.js";
import { libraryVersion } from "./version.js";

/** Who follows while identities are tried. */
export interface IdentitiesWatch extends Pick<Watch, "signal"> {
  /** Called as soon as one is through; what the others show may still make its finding surer. */
  readonly onRow?: ((row: IdentityRow) => void) | undefined;
}

/** Steps that have nothing to do with who logs in. */
const COMMON_STEPS: ReadonlySet<StepName> = new Set(["environment", "dns", "tcp", "tls"]);

/**
 * Tries every one of these identities at the same time, as far as the login. Where one is let in, it is settled that
 * Microsoft Entra ID is switched on there, and the findings on the others say so.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export async function examineIdentities(
  candidates: readonly Candidate[],
  options: DoctorOptions,
  surroundings: DoctorSurroundings,
  { signal, onRow }: IdentitiesWatch = {},
): Promise<IdentitiesReport> {
  const startedAtMs = surroundings.clock.now();
  const elapsedMs = stopwatch();
  const resolved = resolveOptions(options);
  const examined = await Promise.all(
    candidates.map(async (candidate) => {
      const connection =
        candidate.options === undefined
          ? resolved.connection
          : { ...resolved.connection, entraId: candidate.options };
      const result = await examineAll({ ...resolved, connection }, surroundings, { signal }, "login");
      onRow?.(rowOf(candidate, result, result.report.findings));
      return { candidate, result };
    }),
  );
  const accepted = examined.find(({ result }) => loginOf(result.report) === "accepted");
  const rows = examined.map(({ candidate, result }) =>
    rowOf(candidate, result, concluded(result, accepted?.candidate.name)),
  );
  const common = commonFindings(rows);
  return {
    kind: "identities",
    schema: 1,
    version: libraryVersion(),
    startedAtMs,
    durationMs: elapsedMs(),
    endpoint: examined.find(({ result }) => result.report.endpoint !== undefined)?.result.report.endpoint,
    isHealthy: accepted !== undefined,
    findings: common,
    identities: rows.map((row) => ({
      ...row,
      findings: row.findings.filter(({ rule }) => !common.some((finding) => finding.rule === rule)),
    })),
  };
}

function concluded({ report, failures, known }: Examined, accepted: string | undefined): readonly Finding[] {
  if (accepted === undefined || loginOf(report) === "accepted") return report.findings;
  return findingsOf(failures, { ...known, otherIdentityAccepted: accepted });
}

function rowOf(
  { name, isAvailable }: Candidate,
  { report }: Examined,
  findings: readonly Finding[],
): IdentityRow {
  const objectId = report.steps.find((step) => step.name === "claims")?.facts["objectId"];
  return {
    name,
    isAvailable,
    identity: report.identity,
    token: tokenOf(report),
    objectId: typeof objectId === "string" ? objectId : undefined,
    login: loginOf(report),
    findings,
    steps: report.steps,
  };
}

function tokenOf(report: DoctorReport): IdentityRow["token"] {
  const status = statusOf(report, "token");
  if (status === "failed" || statusOf(report, "claims") === "failed") return "failed";
  return status === "skipped" ? "skipped" : "received";
}

function loginOf(report: DoctorReport): IdentityRow["login"] {
  const status = statusOf(report, "login");
  if (status === "failed" || status === "skipped") return status;
  return "accepted";
}

function statusOf({ steps }: DoctorReport, name: StepName) {
  return steps.find((step) => step.name === name)?.status ?? "skipped";
}

/** What keeps everybody out alike is told once. */
function commonFindings(rows: readonly IdentityRow[]): readonly Finding[] {
  const [first, ...others] = rows;
  return (first?.findings ?? []).filter(
    ({ rule, step }) =>
      COMMON_STEPS.has(step) && others.every(({ findings }) => findings.some((one) => one.rule === rule)),
  );
}
