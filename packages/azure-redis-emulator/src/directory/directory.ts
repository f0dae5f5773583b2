import type { IdentityRecord } from "./identity-record.js";
import { checkTokenLifetime } from "./identity-record.js";

/** What a managed identity request may name its identity by. */
export interface IdentitySelector {
  readonly clientId?: string;
  readonly objectId?: string;
  readonly resourceId?: string;
}

/** The tenant: its identities, by every name that they have. */
export class Directory {
  readonly tenantId: string;
  readonly #records = new Map<string, IdentityRecord>();
  #tokenLifetimeMs: number;

  constructor(tenantId: string, tokenLifetimeMs: number) {
    this.tenantId = tenantId;
    this.#tokenLifetimeMs = checkTokenLifetime(tokenLifetimeMs);
  }

  get records(): readonly IdentityRecord[] {
    return [...this.#records.values()];
  }

  /** @throws {Error} when another identity has the same object ID, client ID or user name */
  add(record: IdentityRecord): void {
    const { objectId, clientId, userPrincipalName } = record.identity;
    const isTaken =
      userPrincipalName === undefined ? this.findByClientId(clientId) : this.findUser(userPrincipalName);
    if (this.#records.has(objectId) || isTaken) {
      const name =
        userPrincipalName === undefined ? `client ID ${clientId}` : `user name ${userPrincipalName}`;
      throw new Error(`An identity with the object ID ${objectId} or the ${name} exists already.`);
    }
    this.#records.set(objectId, record);
  }

  remove(objectId: string): void {
    this.get(objectId);
    this.#records.delete(objectId);
  }

  find(objectId: string): IdentityRecord | undefined {
    return this.#records.get(objectId);
  }

  /** @throws {Error} when there is no such identity */
  get(objectId: string): IdentityRecord {
    const record = this.#records.get(objectId);
    if (!record) {
      throw new Error(`There is no identity with the object ID ${objectId}.`);
    }
    return record;
  }

  /** An application or a managed identity; a user's client is not the user. */
  findByClientId(clientId: string): IdentityRecord | undefined {
    return this.records.find(
      ({ identity }) => identity.kind !== "developer" && isSameId(identity.clientId, clientId),
    );
  }

  /** The user of this name, whatever its case. */
  findUser(userPrincipalName: string): IdentityRecord | undefined {
    return this.records.find(({ identity }) => isSameId(identity.userPrincipalName ?? "", userPrincipalName));
  }

  /**
   * The managed identity that a request gets.
   *
   * Without a selector: the system-assigned identity (the one added last, if there are several), else the
   * only user-assigned identity. Several user-assigned identities and none named is an error on Azure too.
   */
  selectManaged(selector: IdentitySelector): IdentityRecord | "notFound" | "ambiguous" {
    const { clientId, objectId, resourceId } = selector;
    const users = this.records.filter(({ identity }) => identity.kind === "user");
    if (clientId !== undefined || objectId !== undefined || resourceId !== undefined) {
      const named = users.find(
        ({ identity }) =>
          (clientId === undefined || isSameId(identity.clientId, clientId)) &&
          (objectId === undefined || isSameId(identity.objectId, objectId)) &&
          (resourceId === undefined || isSameId(identity.resourceId ?? "", resourceId)),
      );
      return named ?? "notFound";
    }
    const system = this.records.findLast(({ identity }) => identity.kind === "system");
    const [onlyUser, ...otherUsers] = users;
    if (system || !onlyUser) {
      return system ?? "notFound";
    }
    return otherUsers.length === 0 ? onlyUser : "ambiguous";
  }

  /** Life of the tokens that this identity gets, in milliseconds. */
  tokenLifetimeMs(record: IdentityRecord): number {
    return record.tokenLifetimeMs ?? this.#tokenLifetimeMs;
  }

  /** Without an object ID: of every identity that has no lifetime of its own. */
  setTokenLifetime(lifetimeMs: number, objectId?: string): void {
    checkTokenLifetime(lifetimeMs);
    if (objectId === undefined) {
      this.#tokenLifetimeMs = lifetimeMs;
    } else {
      this.get(objectId).tokenLifetimeMs = lifetimeMs;
    }
  }
}

/** Azure compares GUIDs and resource IDs without regard to case. */
function isSameId(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
