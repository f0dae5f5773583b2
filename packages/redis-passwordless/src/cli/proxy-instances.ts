import { createSecureContext } from "node:tls";
import type { Environment } from "../identity/managed-identity-source.js";
import { sharedIdentity } from "../one-call/shared-identities.js";
import type { InstanceOptions } from "../proxy/options.js";
import type { Identity } from "../reauth/identity.js";
import { isPermanent } from "../reauth/token-wait.js";
import { isAddress, reachedByEndpoint } from "../topology/address-map.js";
import type { InstancePlan } from "./proxy-plan.js";

/** How long the start waits for a first token, in milliseconds; then clients wait for it. */
const PATIENCE_MS = 5_000;

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

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The instances for these plans; nobody is asked for anything yet. */
  optionsFor(plans: readonly InstancePlan[]): InstanceOptions[] {
    return plans.map((plan) => this.#make(plan).options);
  }

  /**
   * Waits a moment for the first token of each identity, so that one that cannot be had is told before anybody listens.
   * An identity provider that is away may come back: that is no reason not to start.
   *
   * @throws {PasswordlessError} why there will be no token
   */
  async firstTokens(options: readonly InstanceOptions[], signal: AbortSignal): Promise<void> {
    const identities = new Set(options.map(({ identity }) => identity));
    await Promise.all([...identities].map((identity) => firstToken(identity, signal)));
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
    const made = { identity, options: instanceOptions(plan, identity) };
    this.#made.set(plan.fingerprint, made);
    return made;
  }
}

function instanceOptions(plan: InstancePlan, identity: Identity): InstanceOptions {
  const { host, port, isEncrypted, serverName } = plan.connection.endpoint;
  return {
    name: plan.name,
    server: { host, port, isEncrypted, serverName },
    identity,
    listen: plan.listen,
    secureContext: plan.ca === undefined ? undefined : createSecureContext({ ca: [...plan.ca.all] }),
    addressMap: isAddress(host) ? undefined : reachedByEndpoint(host),
    clientPassword: plan.clientPassword,
    maxClients: plan.maxClients,
    connectTimeoutMs: plan.connectTimeoutMs,
    pool: plan.pool,
    isSingleEndpoint: plan.isSingleEndpoint,
    nodePorts: plan.nodePorts,
  };
}

async function firstToken(identity: Identity, signal: AbortSignal): Promise<void> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    await identity.getToken({ signal: AbortSignal.any([patience, signal]) });
  } catch (error) {
    signal.throwIfAborted();
    if (!patience.aborted && isPermanent(error)) throw error;
  }
}
