import type { Rule } from "../rule.js";

export const MANAGED_IDENTITY_RULES: readonly Rule[] = [];
