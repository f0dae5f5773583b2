import type { Clock } from "../../src/core/clock.js";
import type { IdentityProvider, TokenRequest } from "../../src/core/identity-provider.js";
import type { TokenResponse } from "../../src/core/token.js";

type Answer = (
  request: TokenRequest,
  call: number,
) => Promise<Partial<TokenResponse>> | Partial<TokenResponse>;

/** An identity provider whose answers a test sets; it records when it was asked. */
export class ScriptedProvider implements IdentityProvider {
  readonly description = "scripted identity";
  readonly calledAtMs: number[] = [];
  answer: Answer;
  readonly #clock: Clock;

  constructor(clock: Clock, lifetimeMs: number) {
    this.#clock = clock;
    this.answer = () => ({ expiresAtMs: clock.now() + lifetimeMs });
  }

  async requestToken(request: TokenRequest): Promise<TokenResponse> {
    this.calledAtMs.push(this.#clock.now());
    const call = this.calledAtMs.length;
    const answer = await this.answer(request, call);
    return { token: `token-${call}`, username: "oid-1", expiresAtMs: 0, ...answer };
  }
}
