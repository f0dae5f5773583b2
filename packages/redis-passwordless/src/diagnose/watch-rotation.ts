import type { DoctorOptions, DoctorSurroundings } from "./options.js";
import type { WatchEvent, WatchReport } from "./report.js";

/** Who follows a rotation while it is watched. */
export interface RotationWatch {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: WatchEvent) => void) | undefined;
}

/** Stays through a rotation. */
export function watchRotation(
  _options: DoctorOptions,
  _surroundings: DoctorSurroundings,
  _watch: RotationWatch = {},
): Promise<WatchReport> {
  return Promise.reject(new Error("not there yet"));
}
