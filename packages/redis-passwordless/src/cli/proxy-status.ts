import { libraryVersion } from "../diagnose/version.js";
import { type StatusServer, startStatusServer } from "../proxy/http/index.js";
import type { ProxyView } from "../proxy/view.js";
import type { ProxyPlan } from "./proxy-plan.js";

/**
 * Opens the status server, where one is asked for. It comes before the proxy, so that whoever waits hears that it is
 * starting.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there
 */
export async function openStatusServer(
  { common, statusAddress }: ProxyPlan,
  view: Promise<ProxyView>,
  onQuit: () => void,
): Promise<StatusServer | undefined> {
  if (statusAddress === undefined) return undefined;
  const allowed = common.text("http-allow-host")?.toLowerCase();
  return startStatusServer({
    address: statusAddress,
    view,
    version: libraryVersion(),
    needsConnection: common.isOn("run-connection-test"),
    allowedHosts: allowed?.split(/[\s,]+/).filter(Boolean),
    onQuit: common.isOn("quitquitquit") ? onQuit : undefined,
  });
}
