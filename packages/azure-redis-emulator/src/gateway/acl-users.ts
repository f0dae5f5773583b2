import { randomBytes } from "node:crypto";
import type { AccessPolicy } from "../api.js";
import { RedisReplyError, type RedisServer } from "../redis-server/redis-server.js";
import { aclRules } from "./access-policy.js";

export interface AclCredentials {
  readonly aclUser: string;
  readonly aclPassword: string;
}

/**
 * The ACL users of the real servers: one for each identity with an access policy, named by its object ID, so
 * that `ACL WHOAMI` answers what Azure's does, and the same on every node of a cluster. Their passwords never
 * leave the emulator. They survive a restart that the emulator makes, because it saves them before.
 */
export class AclUsers {
  readonly #servers: readonly RedisServer[];
  readonly #commonRules: readonly string[];
  readonly #passwords = new Map<string, string>();
  /** What each user was made with, and `null` for those that are gone: a server that was down has missed it. */
  readonly #rules = new Map<string, readonly string[] | null>();
  /** Ends when the servers have what was last changed. */
  #changing: Promise<unknown> = Promise.resolve();

  /** @param commonRules go to every user, behind its policy's */
  constructor(servers: readonly RedisServer[], commonRules: readonly string[] = []) {
    this.#servers = servers;
    this.#commonRules = commonRules;
  }

  credentialsOf(objectId: string): AclCredentials | undefined {
    const aclPassword = this.#passwords.get(objectId);
    return aclPassword === undefined ? undefined : { aclUser: objectId, aclPassword };
  }

  /**
   * Gives an identity a policy, changes it, or takes it away (`null`). A change applies at once to open
   * connections without closing them (Microsoft's page on access permissions); only subscribers that lose their
   * channel are closed, by the server itself.
   *
   * "Deleting revokes", says the same page, not whether connections close. Here the server drops them, which is
   * what Redis does when a user is deleted.
   *
   * @throws {Error} with the server's text when the policy is no valid ACL string.
   */
  apply(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined> {
    return this.#inTurn(() => this.#apply(objectId, policy));
  }

  async #apply(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined> {
    if (objectId === "default" || !/^[^\s\0]+$/.test(objectId)) {
      throw new RangeError(`${JSON.stringify(objectId)} cannot be the name of an ACL user.`);
    }
    if (policy === null) {
      this.#passwords.delete(objectId);
      this.#rules.set(objectId, null);
      await this.#command("ACL", "DELUSER", objectId);
      return undefined;
    }
    const aclPassword = this.#passwords.get(objectId) ?? randomBytes(24).toString("base64url");
    // One command: each server replaces the user as a whole, with no state in between.
    const rules = ["reset", "on", `>${aclPassword}`, ...aclRules(policy), ...this.#commonRules];
    await this.#command("ACL", "SETUSER", objectId, ...rules);
    this.#passwords.set(objectId, aclPassword);
    this.#rules.set(objectId, rules);
    return { aclUser: objectId, aclPassword };
  }

  /** Gives a server that has been down the users that it would have otherwise, and no others of these. */
  restore(server: RedisServer): Promise<void> {
    return this.#inTurn(async () => {
      for (const [objectId, rules] of this.#rules) {
        if (rules === null) await server.command("ACL", "DELUSER", objectId);
        else await server.command("ACL", "SETUSER", objectId, ...rules);
      }
    });
  }

  /** Removes every user that was made here: the server may be somebody else's. */
  async removeAll(): Promise<void> {
    const names = [...this.#passwords.keys()];
    this.#passwords.clear();
    if (names.length > 0) await this.#command("ACL", "DELUSER", ...names).catch(() => undefined);
  }

  /** One change after the other, so that a server that comes back ends up with the last one, too. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  /** On every server that runs. What one refuses all refuse: they are of the same version. */
  async #command(...args: readonly string[]): Promise<void> {
    const running = this.#servers.filter(({ isRunning }) => isRunning);
    await Promise.all(
      running.map((server) =>
        server.command(...args).catch((error: unknown) => {
          // One that ends meanwhile gets what it has missed when it comes back.
          if (server.isRunning || error instanceof RedisReplyError) throw error;
        }),
      ),
    );
  }
}
