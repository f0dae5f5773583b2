import type { IdentityProvider } from "../core/identity-provider.js";
import { toolSpeaking } from "../explain/developer-tool.js";
import { judge } from "../explain/judge.js";
import type { Target } from "../explain/rule.js";
import { TOKEN_RULES } from "../explain/rules/token.js";
import type { IdentityKind } from "./plan.js";

/** Whom each kind of identity asks; the others ask several, or nobody knows whom. */
const TARGETS: Partial<Record<IdentityKind, Target>> = {
  managedIdentity: "managedIdentity",
  workloadIdentity: "authority",
  servicePrincipal: "authority",
};

/** What it means that this identity gets no answer in time. */
export function silenceOf(identity: {
  readonly kind: IdentityKind;
  readonly description: string;
}): IdentityProvider["whenSilent"] {
  const { kind, description } = identity;
  const from = TARGETS[kind] ?? (toolSpeaking(description) === undefined ? undefined : "developerTool");
  const verdict = judge(TOKEN_RULES, { from, library: ["ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT"] });
  if (verdict === undefined) return undefined;
  return {
    rule: verdict.rule.id,
    remedy: verdict.remedy,
    ...(from === undefined ? {} : { details: { target: from } }),
  };
}
