import type { ActiveFault, FaultScope, LoginFault } from "../api.js";

export interface LoginFaultScope extends FaultScope {
  /** Skip this many logins first. */
  readonly after?: number;
}

interface Entry {
  readonly fault: LoginFault;
  readonly objectId: string | undefined;
  toSkip: number;
  left: number;
  applied: number;
}

/** The faults that logins meet, in the order of their injection. */
export class LoginFaults {
  readonly #entries = new Set<Entry>();

  inject(fault: LoginFault, scope: LoginFaultScope = {}): ActiveFault {
    const { times = Infinity, after = 0, objectId } = scope;
    if (times !== Infinity && !(Number.isInteger(times) && times > 0)) {
      throw new RangeError(`"times" must be a whole number above 0; got ${times}.`);
    }
    if (!(Number.isInteger(after) && after >= 0)) {
      throw new RangeError(`"after" must be a whole number, 0 or more; got ${after}.`);
    }
    const entry: Entry = { fault, objectId, toSkip: after, left: times, applied: 0 };
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
   * The faults that this login meets: every delay up to the first fault of another kind, and that one. So
   * faults queue up: a second one shows when the first has used up its `times`.
   */
  take(objectId: string): readonly LoginFault[] {
    const taken: LoginFault[] = [];
    let isDecided = false;
    for (const entry of this.#entries) {
      if (entry.objectId !== undefined && entry.objectId !== objectId) continue;
      if (entry.toSkip > 0) {
        entry.toSkip--;
      } else if (!isDecided && entry.left > 0) {
        entry.left--;
        entry.applied++;
        taken.push(entry.fault);
        isDecided = entry.fault.kind !== "delay";
      }
    }
    return taken;
  }
}
