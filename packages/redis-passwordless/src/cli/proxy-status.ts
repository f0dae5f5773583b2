import type { ProxyLog } from "../proxy/logs/index.js";
import type { RunningProxy } from "../proxy/proxy.js";
import type { ProxyPlan } from "./proxy-plan.js";
import type { Session } from "./session.js";

/** Opens the status server, where one is asked for. */
export async function openStatusServer(
  _session: Session,
  _plan: ProxyPlan,
  _proxy: RunningProxy,
  _log: ProxyLog,
): Promise<AsyncDisposable> {
  return { [Symbol.asyncDispose]: () => Promise.resolve() };
}
