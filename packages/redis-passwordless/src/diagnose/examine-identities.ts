import type { Candidate } from "./candidates.js";
import type { DoctorOptions, DoctorSurroundings, Watch } from "./options.js";
import type { IdentitiesReport } from "./report.js";

/** Tries every identity. */
export function examineIdentities(
  _candidates: readonly Candidate[],
  _options: DoctorOptions,
  _surroundings: DoctorSurroundings,
  _watch: Watch = {},
): Promise<IdentitiesReport> {
  return Promise.reject(new Error("not there yet"));
}
