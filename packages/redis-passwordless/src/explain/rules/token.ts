import type { Rule } from "../rule.js";

export const TOKEN_RULES: readonly Rule[] = [];
