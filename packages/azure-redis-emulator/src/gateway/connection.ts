import type { Socket } from "node:net";
import type { EmulatorEvent } from "../api.js";
import { CommandFilter } from "./command-filter.js";
import type { CommandRules } from "./command-rules.js";
import type { LoginCommand } from "./login-command.js";
import { ReplyLedger } from "./reply-ledger.js";

export type DisconnectReason = Extract<EmulatorEvent, { type: "disconnected" }>["reason"];

/** What becomes of a login. */
export type LoginDecision =
  | {
      readonly kind: "pass";
      readonly objectId: string;
      readonly tokenId?: string;
      readonly aclUser: string;
      readonly aclPassword: string;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: "refuse";
      readonly objectId: string;
      readonly tokenId?: string;
      readonly reason: string;
      readonly wrongPassword: string;
    }
  | { readonly kind: "close" }
  /** No answer, ever; the connection stays until the client goes. */
  | { readonly kind: "hang" };

export interface ConnectionOptions {
  readonly id: number;
  readonly client: Socket;
  /** A connection of its own to the real server; it may still be connecting. */
  readonly backend: Socket;
  /** What else than logins is rewritten. */
  readonly rules?: CommandRules;
  now(): number;
  /** Decides about a login; never rejects. */
  decide(login: LoginCommand): Promise<LoginDecision>;
  onEvent(event: EmulatorEvent): void;
  /** Called once, when the client's side is closed. */
  onClosed(): void;
}

/** From here on the other side is not read until this one has caught up. */
const HIGH_WATER_BYTES = 262_144;

/**
 * How long commands in front of a login in the same chunk wait for it. They reach the server together, as they
 * came, because to Redis 7.2 and later it matters whether their replies are pending when the login fails.
 */
const TOGETHER_MS = 20;

/** One client and its own connection to the real server. */
export class GatewayConnection {
  readonly #options: ConnectionOptions;
  readonly #ledger = new ReplyLedger();
  readonly #filter: CommandFilter;
  /** Chunks that wait behind a login. */
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isDeciding = false;
  #isHanging = false;
  #isBackendFull = false;
  #isClientFull = false;
  #hasClientEnded = false;
  #reason: DisconnectReason | undefined;
  #isClosed = false;

  /** Whose login was accepted last. */
  objectId: string | undefined;
  /** End of the last accepted token, in epoch milliseconds. */
  expiresAtMs: number | undefined;
  /** When the client last sent something, by `performance.now()`: idle time ignores the emulator's clock. */
  lastActiveMs = performance.now();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { client, backend, rules } = options;
    this.#filter = new CommandFilter({
      ledger: this.#ledger,
      ...(rules && { rules }),
      forward: (bytes) => this.#toBackend(bytes),
      login: (login) => this.#login(login),
    });
    client.setNoDelay(true);
    backend.setNoDelay(true);
    client.on("data", (chunk: Buffer) => this.#fromClient(chunk));
    backend.on("data", (chunk: Buffer) => this.#toClient(chunk));
    client.on("drain", () => {
      this.#isClientFull = false;
      backend.resume();
    });
    backend.on("drain", () => {
      this.#isBackendFull = false;
      this.#resumeClient();
    });
    // Either side may end its half first: redis-cli with piped input does.
    client.on("end", () => {
      this.#reason ??= "client";
      this.#hasClientEnded = true;
      if (this.#isHanging) this.close("client");
      else if (!this.#isDeciding) backend.end();
    });
    backend.on("end", () => {
      this.#reason ??= "server";
      if (rules !== undefined && client.writable) client.write(rules.rest());
      client.end();
    });
    client.on("error", () => {
      this.#reason ??= "client";
    });
    backend.on("error", () => {
      this.#reason ??= "server";
    });
    client.on("close", () => {
      this.#reason ??= "client";
      backend.destroySoon();
      this.#closed();
    });
    backend.on("close", () => {
      this.#reason ??= "server";
      client.destroySoon();
    });
    this.#event({ type: "connected" });
  }

  /** Breaks both sides at once, as a server does that closes a connection. */
  close(reason: DisconnectReason): void {
    this.#reason ??= reason;
    this.#options.client.destroy();
    this.#options.backend.destroy();
    this.#closed();
  }

  #fromClient(chunk: Buffer): void {
    this.lastActiveMs = performance.now();
    if (!this.#isDeciding) {
      this.#feed(chunk);
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    // Read on for a while, to notice a client that goes away.
    if (this.#waitingBytes > HIGH_WATER_BYTES) this.#options.client.pause();
  }

  #feed(chunk: Buffer): void {
    const { backend } = this.#options;
    backend.cork();
    const decided = this.#filter.feed(chunk);
    if (decided === undefined) {
      backend.uncork();
      return;
    }
    this.#isDeciding = true;
    let isCorked = true;
    const uncork = (): void => {
      if (isCorked) backend.uncork();
      isCorked = false;
    };
    const timer = setTimeout(uncork, TOGETHER_MS);
    void decided.then(() => {
      clearTimeout(timer);
      uncork();
      this.#afterLogin();
    });
  }

  #afterLogin(): void {
    this.#isDeciding = false;
    while (!this.#isDeciding) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) break;
      this.#waitingBytes -= chunk.length;
      this.#feed(chunk);
    }
    if (this.#isDeciding || this.#isClosed) return;
    if (this.#hasClientEnded) this.#options.backend.end();
    else this.#resumeClient();
  }

  #resumeClient(): void {
    if (!this.#isDeciding && !this.#isBackendFull) this.#options.client.resume();
  }

  #toBackend(bytes: Buffer): void {
    const { client, backend } = this.#options;
    if (!backend.writable) return;
    backend.write(bytes);
    if (backend.writableLength > HIGH_WATER_BYTES && !this.#isBackendFull) {
      this.#isBackendFull = true;
      client.pause();
    }
  }

  #toClient(chunk: Buffer): void {
    const { client, backend, rules } = this.#options;
    this.#ledger.receive(chunk);
    if (!client.writable) return;
    client.write(rules === undefined ? chunk : rules.restore(chunk));
    if (client.writableLength > HIGH_WATER_BYTES && !this.#isClientFull) {
      this.#isClientFull = true;
      backend.pause();
    }
  }

  async #login(login: LoginCommand): Promise<void> {
    const decision = await this.#options.decide(login);
    if (this.#isClosed) return;
    if (decision.kind === "close") {
      this.close("fault");
      return;
    }
    if (decision.kind === "hang") {
      if (this.#hasClientEnded) this.close("client");
      this.#isHanging = true;
      await new Promise<never>(() => undefined);
      return;
    }
    const { command, username } = login;
    const { objectId, tokenId } = decision;
    const about = { type: "login", objectId, ...(tokenId !== undefined && { tokenId }), command } as const;
    switch (decision.kind) {
      case "refuse":
        this.#event({ ...about, accepted: false, reason: decision.reason });
        // One that the server does not get to is answered like any command.
        if (login.isWellFormed) this.#ledger.refused(command);
        else this.#ledger.plain(1);
        this.#toBackend(login.rewrite(username, decision.wrongPassword));
        return;
      case "pass":
        // Until the server has said yes it does not extend anything. But from here on the server may know the
        // client, so a connection without an end gets this one.
        this.objectId ??= objectId;
        this.expiresAtMs ??= decision.expiresAtMs;
        this.#ledger.login({
          command,
          confirmed: () => {
            this.objectId = objectId;
            this.expiresAtMs = decision.expiresAtMs;
            this.#event({ ...about, accepted: true });
          },
          failed: (reason) => {
            // It may have taken effect all the same: the earlier end counts.
            this.expiresAtMs = Math.min(this.expiresAtMs ?? Infinity, decision.expiresAtMs);
            this.#event({ ...about, accepted: false, reason });
          },
        });
        this.#toBackend(login.rewrite(decision.aclUser, decision.aclPassword));
        return;
    }
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ledger.lose("the connection closed before the server answered");
    this.#event({ type: "disconnected", reason: this.#reason ?? "client" });
    this.#options.onClosed();
  }

  #event(event: WithoutOrigin<EmulatorEvent>): void {
    const origin = { atMs: this.#options.now(), connectionId: this.#options.id };
    this.#options.onEvent({ ...event, ...origin });
  }
}

type WithoutOrigin<T> = T extends { connectionId: number } ? Omit<T, "atMs" | "connectionId"> : never;
