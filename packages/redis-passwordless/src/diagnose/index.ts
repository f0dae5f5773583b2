export type { Candidate } from "./candidates.js";
export { examine } from "./examine.js";
export { examineIdentities, type IdentitiesWatch } from "./examine-identities.js";
export type { DoctorOptions, DoctorSurroundings, Watch } from "./options.js";
export {
  type DoctorReport,
  type Finding,
  type IdentitiesReport,
  type IdentityRow,
  STEP_NAMES,
  type StepName,
  type StepReport,
  type StepStatus,
  type WatchEvent,
  type WatchReport,
} from "./report.js";
export type { Resolver } from "./resolver.js";
export { reportText } from "./text/report-text.js";
export { stepLine } from "./text/step-line.js";
export type { TextStyle } from "./text/style.js";
export { libraryVersion } from "./version.js";
export { type RotationWatch, watchRotation } from "./watch-rotation.js";
