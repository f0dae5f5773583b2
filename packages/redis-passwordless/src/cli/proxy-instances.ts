import { createHash } from "node:crypto";
import { lookup } from "node:dns/promises";
import { createSecureContext } from "node:tls";
import type { AzureLogin } from "../azure/connection.js";
import { display } from "../azure/endpoint.js";
import { PasswordlessError } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { sharedIdentity } from "../one-call/shared-identities.js";
import type { InstanceOptions } from "../proxy/options.js";
import type { Identity } from "../reauth/identity.js";
import { isPermanent } from "../reauth/token-wait.js";
import { unreachableError } from "../reauth/unreachable.js";
import { isAddress, reachedByEndpoint } from "../topology/address-map.js";
import type { InstancePlan } from "./proxy-plan.js";

/** How long the start waits for a first token, in milliseconds; then clients wait for it. */
const PATIENCE_MS = 5_000;

/** An identity that has no token yet, and why. */
export interface MissingToken {
  readonly identity: Identity;
  readonly error: unknown;
}

interface Made {
  readonly options: InstanceOptions;
  readonly identity: Identity;
}

/**
 * Makes what a plan asks for. What two plans have in common is made once: equal instances of the next plan are the
 * same objects, so that whoever compares them sees what has changed.
 */
export class ProxyInstances {
  readonly #env: Environment;
  readonly #made = new Map<string, Made>();
  /** In how many processes there are such instances, this one included. */
  readonly #workers: number;
  readonly #heard = new WeakSet<Identity>();

  constructor(env: Environment, workers = 1) {
    this.#env = env;
    this.#workers = workers;
  }

  /** The instances for these plans; nobody is asked for anything yet. */
  optionsFor(plans: readonly InstancePlan[]): InstanceOptions[] {
    return plans.map((plan) => this.#make(plan).options);
  }

  /**
   * Waits a moment for the first token of each identity, so that one that cannot be had is told before anybody listens.
   * An identity provider that is away may come back, which is no reason not to start.
   *
   * @returns the identities that have no token yet, and why
   * @throws {PasswordlessError} why there will be no token
   */
  async firstTokens(options: readonly InstanceOptions[], signal: AbortSignal): Promise<MissingToken[]> {
    const identities = new Set(options.map(({ identity }) => identity));
    const missing = await Promise.all([...identities].map((identity) => firstToken(identity, signal)));
    return missing.flatMap((one) => one ?? []);
  }

  /**
   * Looks the caches' names up, so that one that does not exist is told before anybody listens.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_CONNECTION_FAILED`
   */
  async findHosts(options: readonly InstanceOptions[]): Promise<void> {
    await Promise.all(options.map(({ server }) => findHost(server)));
  }

  /** Forgets what none of these plans needs, and resolves with the identities that nobody needs any more. */
  retain(plans: readonly InstancePlan[]): Identity[] {
    const needed = new Set(plans.map(({ fingerprint }) => fingerprint));
    const dropped = new Set<Identity>();
    for (const [fingerprint, { identity }] of this.#made) {
      if (needed.has(fingerprint)) continue;
      this.#made.delete(fingerprint);
      dropped.add(identity);
    }
    for (const { identity } of this.#made.values()) dropped.delete(identity);
    return [...dropped];
  }

  /** Whether an instance of the newest plan logs in as this identity. */
  uses(identity: Identity): boolean {
    return [...this.#made.values()].some((made) => made.identity === identity);
  }

  #make(plan: InstancePlan): Made {
    const existing = this.#made.get(plan.fingerprint);
    if (existing !== undefined) return existing;
    const identity = sharedIdentity(plan.connection.login, this.#env);
    if (!this.#heard.has(identity)) {
      this.#heard.add(identity);
      // The log tells it, or whoever waits for the first token; a warning of the process would be one too many.
      identity.on("refreshFailing", () => {});
    }
    const made = { identity, options: instanceOptions(plan, identity, this.#workers) };
    this.#made.set(plan.fingerprint, made);
    return made;
  }
}

function instanceOptions(plan: InstancePlan, identity: Identity, workers: number): InstanceOptions {
  const { host, port, isEncrypted, serverName } = plan.connection.endpoint;
  return {
    name: plan.name,
    server: { host, port, isEncrypted, serverName },
    identity,
    login: loginOf(plan.connection.login),
    listen: plan.listen,
    secureContext: plan.ca === undefined ? undefined : createSecureContext({ ca: [...plan.ca.all] }),
    addressMap: isAddress(host) ? undefined : reachedByEndpoint(host),
    clientPassword: plan.clientPassword,
    maxClients: plan.maxClients === undefined ? undefined : Math.ceil(plan.maxClients / workers),
    connectTimeoutMs: plan.connectTimeoutMs,
    pool: plan.pool,
    isSingleEndpoint: plan.isSingleEndpoint,
    nodePorts: plan.nodePorts,
  };
}

/** Hashed, because there may be a secret in it. */
function loginOf(login: AzureLogin): string {
  const said =
    login.kind === "accessKey"
      ? [login.username, login.password.reveal()]
      : Object.entries(login.options)
          .filter(([name]) => name !== "ca")
          .sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(said)).digest("hex");
}

/** Only a name that is known not to exist is an end: name servers, too, are away at times. */
async function findHost({ host, port }: InstanceOptions["server"]): Promise<void> {
  try {
    await lookup(host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTFOUND") return;
    const label = `${display(host)}:${port}`;
    throw unreachableError(label, `The cache ${label} could not be found`, error);
  }
}

async function firstToken(identity: Identity, signal: AbortSignal): Promise<MissingToken | undefined> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    await identity.getToken({ signal: AbortSignal.any([patience, signal]) });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const cause = patience.aborted ? (identity.status.lastError ?? error) : error;
    if (isPermanent(cause) || isNobodyThere(cause)) throw cause;
    return { identity, error: cause };
  }
}

/** Where nobody answers who could say who this is, nobody will. */
function isNobodyThere(error: unknown): boolean {
  return PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";
}
