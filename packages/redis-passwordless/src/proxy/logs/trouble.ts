import { sanitiseCause, withoutSecrets } from "../../core/sanitise.js";
import { type ExplainContext, explain } from "../../explain/explain.js";
import type { Trouble } from "./notice.js";

/** Explains an error to an operator: what was seen, what to do and where to read on. */
export function troubleOf(error: unknown, context: ExplainContext = {}): Trouble {
  const explanation = explain(error, context);
  if (explanation === undefined) {
    return { observed: sanitiseCause(error)?.message ?? "It failed, and nothing says why." };
  }
  const { code, rule, observed, remedy, docsUrl } = explanation;
  return {
    code,
    rule,
    observed: withoutSecrets(observed),
    remedy: withoutSecrets(remedy),
    docsUrl,
  };
}
