import { identityOptionsOf } from "../azure/entra-id.js";
import { IMDS_HOST, managedIdentitySource } from "../identity/managed-identity-source.js";
import { commonSettings } from "../identity/plan.js";
import { openTcp, openTls } from "./dial.js";
import type { Examination } from "./examination.js";
import type { EntraIdLogin } from "./identity-steps.js";
import { oneLine, type Step } from "./steps.js";
import { within } from "./time-limit.js";

const LIMIT_MS = 4_000;

interface Where {
  readonly url: URL;
  readonly ca: readonly string[];
}

/** Whether somebody listens where the token will be asked for; what that means, the token itself shows. */
export async function reachIdentityProvider(examination: Examination, login: EntraIdLogin): Promise<void> {
  const { clock, steps } = examination;
  const where = endpointOf(examination, login);
  if (typeof where === "string") return steps.skip("identityProvider", where);
  await steps.run("identityProvider", LIMIT_MS, async (step) => {
    step.facts["address"] = where.url.origin;
    const reached = within(clock, step.atMost(LIMIT_MS), step.signal, (signal) => reach(where, step, signal));
    step.summary = await reached.then(
      () => `${where.url.origin} can be reached`,
      (error: unknown) => {
        step.status = "warning";
        return `${where.url.origin} cannot be reached: ${oneLine(error)}`;
      },
    );
    return true;
  });
}

function endpointOf({ env }: Examination, { identityKind, options }: EntraIdLogin): Where | string {
  const settings = commonSettings(identityOptionsOf(options), env);
  if (identityKind === "credential" || identityKind === "custom") return "the application brings the tokens";
  if (identityKind === "managedIdentity" || identityKind === "ambient") {
    const source = managedIdentitySource(env) ?? { kind: "imds", host: IMDS_HOST };
    if (source.kind === "foreign") return `@azure/identity asks the endpoint of ${source.platform}`;
    return { url: new URL(source.kind === "imds" ? source.host : source.endpoint), ca: [] };
  }
  const { ca = [] } = settings;
  return { url: new URL(settings.authorityHost), ca: typeof ca === "string" ? [ca] : ca };
}

async function reach({ url, ca }: Where, { facts }: Step, signal: AbortSignal): Promise<void> {
  const isEncrypted = url.protocol === "https:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? (isEncrypted ? 443 : 80) : Number(url.port);
  const socket = await openTcp({ host, port }, undefined, signal);
  socket.on("error", () => {});
  try {
    facts["connectedTo"] = socket.remoteAddress;
    if (!isEncrypted) return;
    const { createSecureContext } = await import("node:tls");
    // As the library asks there: these authorities instead of the system's.
    const secureContext = ca.length === 0 ? undefined : createSecureContext({ ca: [...ca] });
    const stream = await openTls(socket, { serverName: host, secureContext }, signal, (certificate) => {
      facts["certificate"] = certificate;
    });
    facts["protocol"] = stream.getProtocol();
    stream.on("error", () => {}).destroy();
  } finally {
    socket.destroy();
  }
}
