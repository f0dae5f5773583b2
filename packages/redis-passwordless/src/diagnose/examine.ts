import type { DoctorOptions, DoctorSurroundings, Watch } from "./options.js";
import type { DoctorReport } from "./report.js";

/** Goes the path from the environment to the first commands. */
export function examine(
  _options: DoctorOptions,
  _surroundings: DoctorSurroundings,
  _watch: Watch = {},
): Promise<DoctorReport> {
  return Promise.reject(new Error("not there yet"));
}
