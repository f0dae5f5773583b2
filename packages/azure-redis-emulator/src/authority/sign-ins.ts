import type { EmulatorEvent } from "../api.js";
import type { EmulatorClock } from "../clock.js";
import { AuthorizationCodes } from "./authorization-codes.js";
import { DeviceCodes, type DeviceCodeTimes } from "./device-codes.js";
import { RefreshTokens } from "./refresh-tokens.js";

type SignInEvent = Extract<EmulatorEvent, { type: "signIn" }>;

export interface SignInsOptions {
  readonly clock: EmulatorClock;
  readonly deviceCode: DeviceCodeTimes;
  readonly onEvent: (event: EmulatorEvent) => void;
}

/** Users on their way to a token: what they have been given, and what they have given back. */
export class SignIns {
  readonly authorizationCodes: AuthorizationCodes;
  readonly deviceCodes: DeviceCodes;
  readonly refreshTokens: RefreshTokens;
  readonly #options: SignInsOptions;

  constructor(options: SignInsOptions) {
    this.#options = options;
    this.authorizationCodes = new AuthorizationCodes(options.clock);
    this.deviceCodes = new DeviceCodes(options.clock, options.deviceCode);
    this.refreshTokens = new RefreshTokens(options.clock);
  }

  /** The user of a token request, as far as it can be known before the request is checked. */
  objectIdOf(form: URLSearchParams): string | undefined {
    return (
      this.authorizationCodes.find(form.get("code") ?? "")?.objectId ??
      this.deviceCodes.find(form.get("device_code") ?? "")?.objectId ??
      this.refreshTokens.find(form.get("refresh_token") ?? "")?.objectId
    );
  }

  log(event: Omit<SignInEvent, "type" | "atMs">): void {
    this.#options.onEvent({ type: "signIn", atMs: this.#options.clock.now(), ...event });
  }

  /** @throws {Error} when no such code waits */
  approveDeviceCode(userCode: string, objectId: string): void {
    const { clientId, userCode: code } = this.deviceCodes.decide(userCode, { name: "approved", objectId });
    this.log({ flow: "deviceCode", outcome: "approved", clientId, objectId, userCode: code });
  }

  /** @throws {Error} when no such code waits */
  declineDeviceCode(userCode: string): void {
    const { clientId, userCode: code } = this.deviceCodes.decide(userCode, { name: "declined" });
    this.log({ flow: "deviceCode", outcome: "declined", clientId, userCode: code });
  }
}
