import type { Rule } from "../rule.js";

export const DEVELOPER_TOOL_RULES: readonly Rule[] = [];
