import { setTimeout as sleep } from "node:timers/promises";
import { ACCESS_KEY_ID, type AccessKey } from "./access-key.js";
import type { AclCredentials } from "./acl-users.js";
import type { LoginDecision } from "./connection.js";
import type { LoginCommand } from "./login-command.js";
import type { LoginFaults } from "./login-faults.js";

/** What the emulator makes of a user name and a token. */
export type LoginVerdict =
  | {
      readonly accepted: true;
      readonly objectId: string;
      readonly tokenId?: string;
      /** User and password at the real server. */
      readonly aclUser: string;
      readonly aclPassword: string;
      /** End of the token in epoch milliseconds; infinite when it has none. */
      readonly expiresAtMs: number;
    }
  | {
      readonly accepted: false;
      /** Whom the login claims to be; never a token. */
      readonly objectId: string;
      readonly tokenId?: string;
      readonly reason: string;
    };

export interface LoginDeskOptions {
  readonly faults: LoginFaults;
  /** A password that no user has. */
  readonly wrongPassword: string;
  /** Whether tokens log in at all. */
  isEntraIdEnabled(): boolean;
  /** Without it only tokens log in. */
  readonly accessKey?: AccessKey;
  /** The server's user for who has the access key. */
  accessKeyUser(): AclCredentials | undefined;
  verifyLogin(username: string, token: string): Promise<LoginVerdict>;
}

/** Decides about logins: by the token, and by the faults that a test wants to see. */
export class LoginDesk {
  readonly #options: LoginDeskOptions;

  constructor(options: LoginDeskOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async decide(login: LoginCommand, isEncrypted: boolean): Promise<LoginDecision> {
    const { faults, wrongPassword, accessKey } = this.#options;
    const hasKey = accessKey?.isUsedBy(login) ?? false;
    // Azure takes keys without TLS too, on a port that is closed unless somebody opens it.
    let refusal =
      isEncrypted || hasKey ? undefined : "Entra ID logins are refused on a connection without TLS";
    if (!hasKey && !this.#options.isEntraIdEnabled()) {
      refusal ??= "Entra ID authentication is switched off on the cache";
    }
    for (const fault of faults.take(hasKey ? ACCESS_KEY_ID : (login.username ?? "default"))) {
      if (fault.kind === "close" || fault.kind === "hang") return { kind: fault.kind };
      if (fault.kind === "delay") await sleep(fault.delayMs, undefined, { ref: false });
      else refusal ??= "refused by an injected fault";
    }
    const verdict = hasKey ? this.#accessKeyVerdict() : this.#redacted(await this.#verify(login));
    if (!verdict.accepted) refusal ??= verdict.reason;
    const { objectId, tokenId } = verdict;
    const about = { objectId, ...(tokenId !== undefined && { tokenId }) };
    if (!verdict.accepted || refusal !== undefined) {
      return { kind: "refuse", ...about, reason: refusal ?? "refused", wrongPassword };
    }
    const { aclUser, aclPassword, expiresAtMs } = verdict;
    return { kind: "pass", ...about, aclUser, aclPassword, expiresAtMs };
  }

  #accessKeyVerdict(): LoginVerdict {
    const credentials = this.#options.accessKeyUser();
    if (credentials === undefined) {
      return {
        accepted: false,
        objectId: ACCESS_KEY_ID,
        reason: "the server has no user for the access key",
      };
    }
    return { accepted: true, objectId: ACCESS_KEY_ID, expiresAtMs: Infinity, ...credentials };
  }

  /** The key may be where a user name belongs. */
  #redacted(verdict: LoginVerdict): LoginVerdict {
    const { accessKey } = this.#options;
    if (accessKey === undefined || verdict.accepted) return verdict;
    const { objectId, reason } = verdict;
    return { ...verdict, objectId: accessKey.redact(objectId), reason: accessKey.redact(reason) };
  }

  async #verify({ username, token }: LoginCommand): Promise<LoginVerdict> {
    if (username === undefined) {
      // Azure wants the object ID; the one-argument form logs in with an access key.
      return {
        accepted: false,
        objectId: "default",
        reason:
          this.#options.accessKey === undefined
            ? "AUTH has no user name; it must be the object ID"
            : "AUTH has no user name, and its password is not the access key",
      };
    }
    try {
      return await this.#options.verifyLogin(username, token);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const reason = `the login could not be verified: ${message.replaceAll(token, "<token>")}`;
      return { accepted: false, objectId: username.replaceAll(token, "<token>"), reason };
    }
  }
}
