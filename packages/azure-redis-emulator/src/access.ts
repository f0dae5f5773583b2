import type { AccessPolicy } from "./api.js";
import type { Directory } from "./directory/directory.js";
import type { AclCredentials } from "./gateway/acl-users.js";

/**
 * Creates, changes or (with `null`) removes the server's user for an identity; resolves with how to log in as
 * that user.
 */
type ApplyPolicy = (objectId: string, policy: AccessPolicy | null) => Promise<AclCredentials | undefined>;

/**
 * The access policy assignments, brought to the Redis server one after the other for each identity.
 *
 * Identities are added without waiting for the server; a login waits for what is still on its way.
 */
export class AccessAssignments {
  readonly #directory: Directory;
  readonly #apply: ApplyPolicy;
  readonly #pending = new Map<string, Promise<AclCredentials | undefined>>();

  constructor(directory: Directory, apply: ApplyPolicy) {
    this.#directory = directory;
    this.#apply = apply;
  }

  /** Brings the policy of a new identity to the server; a failure shows at its logins. */
  add(objectId: string): void {
    const { accessPolicy } = this.#directory.get(objectId);
    if (accessPolicy !== null) {
      this.#enqueue(objectId, accessPolicy).catch(() => undefined);
    }
  }

  /** Takes the rights of a removed identity away. */
  remove(objectId: string): void {
    const removed = this.#enqueue(objectId, null);
    const forget = (): void => {
      if (this.#pending.get(objectId) === removed) {
        this.#pending.delete(objectId);
      }
    };
    removed.then(forget, forget);
  }

  /** Assigns a policy, or takes the assignment away; nothing changes when the server refuses the policy. */
  async set(objectId: string, policy: AccessPolicy | null): Promise<void> {
    const record = this.#directory.get(objectId);
    const before = this.#pending.get(objectId) ?? Promise.resolve(undefined);
    const applied = this.#enqueue(objectId, policy);
    try {
      await applied;
      record.accessPolicy = policy;
    } catch (error) {
      if (this.#pending.get(objectId) === applied) {
        this.#pending.set(objectId, before);
      }
      throw error;
    }
  }

  /**
   * How to log in at the server as this identity, once the server knows its current policy; `undefined`
   * without an assignment. Rejects when the server refused the policy.
   */
  async credentialsOf(objectId: string): Promise<AclCredentials | undefined> {
    return this.#pending.get(objectId);
  }

  /** Waits until nothing is on its way to the server, successful or not. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#pending.values());
  }

  #enqueue(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined> {
    const before = this.#pending.get(objectId)?.catch(() => undefined) ?? Promise.resolve();
    const applied = before.then(() => this.#apply(objectId, policy));
    this.#pending.set(objectId, applied);
    return applied;
  }
}
