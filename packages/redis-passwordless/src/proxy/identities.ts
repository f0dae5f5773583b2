import type { Events } from "../core/events.js";
import type { Identity } from "../reauth/identity.js";
import type { ProxyEvents } from "./events.js";
import type { IdentityStatus } from "./status.js";

interface Followed {
  /** What it is called. */
  readonly name: string;
  readonly listeners: readonly Disposable[];
}

/** The identities that somebody logs in as: each kept fresh, and told of by a name that no other one has. */
export class FollowedIdentities {
  readonly #events: Events<ProxyEvents>;
  readonly #followed = new Map<Identity, Followed>();

  constructor(events: Events<ProxyEvents>) {
    this.#events = events;
  }

  /** Follows these, and no other. */
  follow(identities: readonly Identity[]): void {
    for (const [identity, { listeners }] of this.#followed) {
      if (identities.includes(identity)) continue;
      for (const listener of listeners) listener[Symbol.dispose]();
      this.#followed.delete(identity);
    }
    for (const identity of new Set(identities)) {
      if (this.#followed.has(identity)) continue;
      const name = this.#freeName(identity.description);
      this.#followed.set(identity, { name, listeners: this.#listenTo(identity, name) });
    }
  }

  nameOf(identity: Identity): string {
    return this.#followed.get(identity)?.name ?? identity.description;
  }

  status(): IdentityStatus[] {
    return [...this.#followed].map(([identity, { name }]) => statusOf(identity, name));
  }

  /** Two may describe themselves alike: one that trusts other authorities, or asks somebody else for its tokens. */
  #freeName(description: string): string {
    const taken = new Set([...this.#followed.values()].map(({ name }) => name));
    let name = description;
    for (let number = 2; taken.has(name); number += 1) name = `${description} (${number})`;
    return name;
  }

  #listenTo(identity: Identity, name: string): Disposable[] {
    const events = this.#events;
    return [
      identity.keepFresh(),
      identity.on("tokenRefreshed", ({ token }) => events.emit("tokenRefreshed", { identity: name, token })),
      identity.on("refreshFailing", (failure) =>
        events.emit("refreshFailing", { identity: name, ...failure }),
      ),
      identity.on("recovered", ({ failures, outageMs }) =>
        events.emit("recovered", { identity: name, failures, outageMs }),
      ),
      identity.on("tokenExpired", ({ expiredAtMs }) =>
        events.emit("tokenExpired", { identity: name, expiredAtMs }),
      ),
    ];
  }
}

function statusOf(identity: Identity, name: string): IdentityStatus {
  const { state, token, failures, lastError, clockSkewMs, connections } = identity.status;
  return {
    description: name,
    state,
    username: token?.username,
    issuedAtMs: token?.receivedAtMs,
    expiresAtMs: token?.expiresAtMs,
    failures,
    lastError,
    clockSkewMs,
    connections,
  };
}
