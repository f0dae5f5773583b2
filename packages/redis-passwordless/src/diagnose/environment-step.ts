import { azureConnection, azureServer } from "../azure/connection.js";
import { describeEnvironment } from "../azure/describe.js";
import { type AzureEndpoint, display } from "../azure/endpoint.js";
import { identityOptionsOf } from "../azure/entra-id.js";
import type { AzureLogin } from "../azure/login.js";
import { PasswordlessError } from "../core/errors.js";
import { commonSettings } from "../identity/plan.js";
import { isAddress } from "../topology/address-map.js";
import type { Examination, Known } from "./examination.js";
import { oneLine, type Step } from "./steps.js";

/** Where it goes, and who logs in there, as far as options and environment say so. */
export interface Situation {
  readonly endpoint: AzureEndpoint | undefined;
  readonly login: AzureLogin | undefined;
}

/** Decides like an application does. What is wrong with the login alone leaves the server to be examined. */
export async function readEnvironment(examination: Examination): Promise<Situation> {
  const { steps } = examination;
  const situation = await steps.run("environment", 1_000, (step) =>
    Promise.resolve(decide(examination, step)),
  );
  return situation ?? { endpoint: undefined, login: undefined };
}

function decide(examination: Examination, step: Step): Situation {
  const { options, env, known, steps } = examination;
  const { endpoint, identity, accessKey, variables, hints } = describeEnvironment(options.connection, env);
  Object.assign(step.facts, { endpoint, identity, accessKey, variables, hints });
  try {
    const connection = azureConnection(options.connection, env);
    noteServer(known, connection.endpoint);
    noteLogin(known, connection.login, examination);
    step.summary = `${labelOf(connection.endpoint)}, ${describeLogin(connection.login)}`;
    return { endpoint: connection.endpoint, login: connection.login };
  } catch (error) {
    if (!PasswordlessError.is(error)) throw error;
    step.status = "failed";
    step.summary = oneLine(error);
    steps.fail("environment", error);
    return { endpoint: serverAlone(examination), login: undefined };
  }
}

function serverAlone({ options, env, known }: Examination): AzureEndpoint | undefined {
  try {
    const { endpoint } = azureServer(options.connection, env);
    noteServer(known, endpoint);
    return endpoint;
  } catch {
    // It is the same error, or one that the first has hidden: one is enough.
    return undefined;
  }
}

function noteServer(known: Known, endpoint: AzureEndpoint): void {
  const { host, port, product, serverName, isEncrypted } = endpoint;
  Object.assign(known, { host, port, product, serverName, isEncrypted, hostIsAddress: isAddress(host) });
}

function noteLogin(known: Known, login: AzureLogin, { env }: Examination): void {
  known.login = login.kind;
  if (login.kind === "accessKey") {
    known.username = login.username ?? "default";
    return;
  }
  const { authorityHost, scope } = commonSettings(identityOptionsOf(login.options), env);
  Object.assign(known, {
    identityKind: login.identityKind,
    identity: login.description,
    authorityHost,
    scope,
  });
}

function describeLogin(login: AzureLogin): string {
  return login.kind === "accessKey"
    ? `an access key (${login.reason})`
    : `${login.description} (${login.reason})`;
}

/** `host:port`, for humans. */
export function labelOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${display(host)}:${port}`;
}
