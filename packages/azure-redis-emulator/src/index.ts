export type * from "./api.js";
export { startEmulator } from "./emulator.js";
