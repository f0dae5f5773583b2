import { setTimeout as sleep } from "node:timers/promises";
import type { FaultTarget } from "../api.js";
import { entraErrorAnswer } from "../authority/entra-error.js";
import { entraErrorOf } from "../authority/entra-error-numbers.js";
import type { EmulatorClock } from "../clock.js";
import type { EventLog } from "../events/event-log.js";
import { redactValues } from "../events/redact.js";
import { type HttpAnswer, type HttpRequest, json } from "../http/http-server.js";
import type { IssuedToken, TokenDefect } from "../tokens/token-service.js";
import type { FaultRegistry, TransportFault } from "./fault-registry.js";

/** A token request that an endpoint has recognised as one. */
export interface TokenRequest {
  readonly endpoint: FaultTarget;
  readonly request: HttpRequest;
  /** Query parameters and form fields together. */
  readonly parameters: URLSearchParams;
  /** The identity asked for, as far as the request tells. */
  readonly objectId: string | undefined;
}

/** What the endpoint itself would answer. */
export interface RegularAnswer {
  readonly answer: HttpAnswer & { readonly kind: "reply" };
  /** The token in it, if any. */
  readonly issued?: IssuedToken;
}

export interface TokenRequestsOptions {
  readonly clock: EmulatorClock;
  readonly events: EventLog;
  readonly faults: FaultRegistry;
}

/** Status in the event of a request that got no answer. */
const NO_ANSWER = 0;

/** Passes every token request through the faults and into the event log. */
export class TokenRequests {
  readonly #options: TokenRequestsOptions;

  constructor(options: TokenRequestsOptions) {
    this.#options = options;
  }

  /** Answers a request: as a fault wants it, or else with what `produce` returns. */
  async answer(
    tokenRequest: TokenRequest,
    produce: (defect: TokenDefect | undefined) => Promise<RegularAnswer>,
  ): Promise<HttpAnswer> {
    const { endpoint, request, objectId } = tokenRequest;
    for (const { fault, release } of this.#options.faults.take(endpoint, objectId)) {
      if (fault.kind === "expiredToken" || fault.kind === "badSignature" || fault.kind === "sameToken") {
        const regular = await produce(fault.kind);
        if (!regular.issued) {
          release();
        }
        return this.#log(tokenRequest, regular);
      }
      if (fault.kind === "delay") {
        await sleep(fault.delayMs, undefined, { signal: request.signal }).catch(() => undefined);
        if (request.signal.aborted) {
          return this.#log(tokenRequest, { answer: { kind: "reset" } });
        }
      } else {
        return this.#log(tokenRequest, { answer: this.#faultAnswer(fault, request) });
      }
    }
    return this.#log(tokenRequest, await produce(undefined));
  }

  #faultAnswer(fault: Exclude<TransportFault, { kind: "delay" }>, { headers }: HttpRequest): HttpAnswer {
    if (fault.kind !== "entraError") return faultAnswer(fault);
    return entraErrorAnswer(entraErrorOf(fault.number, fault.message), {
      nowMs: this.#options.clock.now(),
      authorityHost: `https://${headers.host}`,
    });
  }

  #log(
    { endpoint, request, parameters, objectId }: TokenRequest,
    { answer, issued }: { answer: HttpAnswer; issued?: IssuedToken },
  ): HttpAnswer {
    this.#options.events.append({
      type: "tokenRequest",
      atMs: this.#options.clock.now(),
      endpoint,
      status: answer.kind === "reply" ? answer.status : NO_ANSWER,
      issued: issued !== undefined,
      query: redactValues(parameters),
      headers: redactValues(headerPairs(request)),
      ...(objectId !== undefined && { objectId }),
      ...(issued && { tokenId: issued.tokenId }),
    });
    return answer;
  }
}

function faultAnswer(fault: Exclude<TransportFault, { kind: "delay" | "entraError" }>): HttpAnswer {
  if (fault.kind === "hang" || fault.kind === "reset") {
    return { kind: fault.kind };
  }
  if (fault.kind === "malformed") {
    // Cut off in the middle, as a proxy that gives up does it.
    return { ...json(200, {}), body: fault.body ?? '{"token_type":"Bearer","access_tok' };
  }
  const { status, retryAfter, contentType } = fault;
  const body = fault.body ?? {
    error: "injected_fault",
    error_description: `Injected fault: status ${status}`,
  };
  const headers = {
    ...(retryAfter !== undefined && { "Retry-After": retryAfter }),
    ...(contentType !== undefined && { "Content-Type": contentType }),
  };
  const reply = json(status, body, headers);
  return typeof body === "string" ? { ...reply, body } : reply;
}

function* headerPairs(request: HttpRequest): Iterable<readonly [string, string]> {
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) {
      yield [name, Array.isArray(value) ? value.join(", ") : value];
    }
  }
}
