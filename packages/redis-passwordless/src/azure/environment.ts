import type { Environment } from "../identity/managed-identity-source.js";

/** The variables of this process, as they are when somebody looks. */
export const processEnvironment: Environment = process.env;
