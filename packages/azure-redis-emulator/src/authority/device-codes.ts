import { randomBytes, randomInt } from "node:crypto";
import type { EmulatorClock } from "../clock.js";
import { EntraError } from "./entra-error.js";

export interface DeviceCodeTimes {
  /** How often the client may ask. */
  readonly intervalMs: number;
  /** How long the user has. */
  readonly lifetimeMs: number;
}

/** @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code */
export const ENTRA_DEVICE_CODE_TIMES: DeviceCodeTimes = { intervalMs: 5_000, lifetimeMs: 900_000 };

type State =
  | { readonly name: "pending" }
  | { readonly name: "approved"; readonly objectId: string }
  | { readonly name: "declined" }
  | { readonly name: "redeemed"; readonly objectId: string };

export interface DeviceLogin {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly clientId: string;
  readonly expiresAtMs: number;
  readonly state: State;
  /** The user who has approved it. */
  readonly objectId: string | undefined;
}

interface Entry {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly clientId: string;
  readonly expiresAtMs: number;
  state: State;
  objectId: string | undefined;
  intervalMs: number;
  askedAtMs: number | undefined;
}

/** Without letters and digits that look alike. */
const USER_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const USER_CODE_LENGTH = 9;
/** What a client adds to its interval after a `slow_down` (RFC 8628, 3.5). */
const SLOWER_BY_MS = 5_000;

/** Logins of devices that have no browser. */
export class DeviceCodes {
  readonly times: DeviceCodeTimes;
  readonly #clock: EmulatorClock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: EmulatorClock, times: DeviceCodeTimes) {
    checkTime("deviceCode.intervalMs", times.intervalMs);
    checkTime("deviceCode.lifetimeMs", times.lifetimeMs);
    this.#clock = clock;
    this.times = times;
  }

  request(clientId: string): DeviceLogin {
    const entry: Entry = {
      deviceCode: randomBytes(48).toString("base64url"),
      userCode: Array.from({ length: USER_CODE_LENGTH }, randomLetter).join(""),
      clientId,
      expiresAtMs: this.#clock.now() + this.times.lifetimeMs,
      state: { name: "pending" },
      objectId: undefined,
      intervalMs: this.times.intervalMs,
      askedAtMs: undefined,
    };
    this.#entries.set(entry.deviceCode, entry);
    return entry;
  }

  find(deviceCode: string): DeviceLogin | undefined {
    return this.#entries.get(deviceCode);
  }

  /** Those that wait for their user, oldest first. */
  pending(): readonly DeviceLogin[] {
    return [...this.#entries.values()].filter((entry) => this.#isPending(entry));
  }

  /** @throws {Error} when no such code waits */
  decide(userCode: string, decision: Exclude<State, { name: "pending" | "redeemed" }>): DeviceLogin {
    const wanted = userCode.trim().toUpperCase();
    const entry = [...this.#entries.values()].find(
      (candidate) => candidate.userCode === wanted && this.#isPending(candidate),
    );
    if (!entry) {
      throw new Error(`No device code ${JSON.stringify(userCode)} waits for its user.`);
    }
    entry.state = decision;
    entry.objectId = decision.name === "approved" ? decision.objectId : undefined;
    return entry;
  }

  /**
   * What the client gets that asks whether its user has signed in: the user's object ID.
   *
   * @throws {EntraError} 70016 while the user has not, and what else keeps the client waiting or ends its wait
   */
  redeem(form: URLSearchParams): string {
    const entry = this.#entries.get(form.get("device_code") ?? "");
    if (!entry || entry.clientId.toLowerCase() !== form.get("client_id")?.toLowerCase()) {
      throw new EntraError(
        70000,
        "invalid_grant",
        "The provided value for the input parameter 'device_code' is not valid.",
      );
    }
    const isTooSoon = this.#isTooSoon(entry);
    entry.askedAtMs = this.#clock.now();
    if (entry.state.name === "redeemed") {
      throw new EntraError(
        54005,
        "invalid_grant",
        "OAuth2 device code was already redeemed, please retry with a new valid code or use an existing refresh token.",
      );
    }
    if (this.#clock.now() >= entry.expiresAtMs) {
      throw new EntraError(
        70020,
        "expired_token",
        "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
      );
    }
    if (entry.state.name === "declined") {
      // Microsoft documents this answer's `error`, but no number for it; the text is that of 70018.
      throw new EntraError(70018, "authorization_declined", "Authorization isn't approved.");
    }
    if (entry.state.name === "approved") {
      const { objectId } = entry.state;
      entry.state = { name: "redeemed", objectId };
      return objectId;
    }
    if (isTooSoon) {
      entry.intervalMs += SLOWER_BY_MS;
      throw new EntraError(70016, "slow_down", "OAuth 2.0 device flow error. Polling too frequently.");
    }
    throw new EntraError(
      70016,
      "authorization_pending",
      "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    );
  }

  #isPending({ state, expiresAtMs }: Entry): boolean {
    return state.name === "pending" && this.#clock.now() < expiresAtMs;
  }

  /** With a second of tolerance, at most half the interval: a client counts from the answer, on its own timer. */
  #isTooSoon({ askedAtMs, intervalMs }: Entry): boolean {
    const tolerance = Math.min(1_000, intervalMs / 2);
    return askedAtMs !== undefined && this.#clock.now() - askedAtMs < intervalMs - tolerance;
  }
}

function randomLetter(): string {
  return USER_CODE_LETTERS[randomInt(USER_CODE_LETTERS.length)] ?? "";
}

function checkTime(name: string, valueMs: number): void {
  if (!(Number.isInteger(valueMs / 1000) && valueMs >= 1000)) {
    throw new RangeError(
      `"${name}" must be whole seconds, in milliseconds, and at least 1000; got ${valueMs}.`,
    );
  }
}
