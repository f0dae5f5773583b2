import type { ActiveFault, FaultScope, FaultTarget, TokenFault } from "../api.js";

export type TransportFault = Exclude<TokenFault, { kind: "expiredToken" | "badSignature" | "sameToken" }>;

/** A fault that applies to the request at hand. */
export interface TakenFault {
  readonly fault: TokenFault;
  /** Takes the application back: the request failed for a reason of its own before the fault could show. */
  readonly release: () => void;
}

interface Entry {
  readonly target: FaultTarget | "all";
  readonly fault: TokenFault;
  readonly scope: FaultScope;
  applied: number;
}

/** The faults of the token endpoints, in the order of their injection. */
export class FaultRegistry {
  readonly #entries = new Set<Entry>();

  inject(target: FaultTarget | "all", fault: TokenFault, scope: FaultScope = {}): ActiveFault {
    const { times } = scope;
    if (times !== undefined && !(Number.isInteger(times) && times > 0)) {
      throw new RangeError(`"times" must be a whole number above 0; got ${times}.`);
    }
    checkFault(fault);
    const entry: Entry = { target, fault, scope, applied: 0 };
    this.#entries.add(entry);
    const remove = (): void => {
      this.#entries.delete(entry);
    };
    return {
      get applied() {
        return entry.applied;
      },
      remove,
      [Symbol.dispose]: remove,
    };
  }

  /**
   * The faults that this request meets, each counted as applied: every delay up to the first fault of
   * another kind, and that one. So faults queue up: a second one shows when the first has used up its `times`.
   */
  take(endpoint: FaultTarget, objectId: string | undefined): readonly TakenFault[] {
    const taken: TakenFault[] = [];
    for (const entry of this.#entries) {
      if (applies(entry, endpoint, objectId)) {
        entry.applied += 1;
        taken.push({
          fault: entry.fault,
          release: () => {
            entry.applied -= 1;
          },
        });
        if (entry.fault.kind !== "delay") {
          break;
        }
      }
    }
    return taken;
  }

  clear(): void {
    this.#entries.clear();
  }
}

function applies(entry: Entry, endpoint: FaultTarget, objectId: string | undefined): boolean {
  const { target, scope, applied } = entry;
  return (
    (target === "all" || target === endpoint) &&
    (scope.objectId === undefined || scope.objectId === objectId) &&
    (scope.times === undefined || applied < scope.times)
  );
}

/** The longest delay that a timer can have: 2^31 - 1 ms, almost 25 days. */
const MAX_DELAY_MS = 2_147_483_647;

function checkFault(fault: TokenFault): void {
  if (fault.kind === "delay" && !(fault.delayMs >= 0 && fault.delayMs <= MAX_DELAY_MS)) {
    throw new RangeError(`"delayMs" must be from 0 to ${MAX_DELAY_MS}; got ${fault.delayMs}.`);
  }
  if (fault.kind === "entraError" && !(Number.isInteger(fault.number) && fault.number > 0)) {
    throw new RangeError(
      `"number" must be Entra ID's number of the error, such as 53003; got ${fault.number}.`,
    );
  }
  if (
    fault.kind === "status" &&
    !(Number.isInteger(fault.status) && fault.status >= 200 && fault.status <= 599)
  ) {
    throw new RangeError(`"status" must be a whole number from 200 to 599; got ${fault.status}.`);
  }
}
