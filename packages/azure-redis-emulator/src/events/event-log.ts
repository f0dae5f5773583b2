import type { Counters, EmulatorEvent } from "../api.js";

type EventOf<T extends EmulatorEvent["type"]> = Extract<EmulatorEvent, { type: T }>;

export interface WaitOptions {
  /** Index into the events from which on they count. Default: the events that are yet to come. */
  readonly since?: number;
  readonly signal?: AbortSignal;
}

interface Waiter {
  offer(event: EmulatorEvent): void;
  fail(error: Error): void;
}

/** Everything that has happened, oldest first, and the waiting for what happens next. */
export class EventLog {
  readonly #events: EmulatorEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #isClosed = false;

  get events(): readonly EmulatorEvent[] {
    return this.#events;
  }

  append(event: EmulatorEvent): void {
    this.#events.push(event);
    for (const waiter of this.#waiters) {
      waiter.offer(event);
    }
  }

  /** Resolves with the first matching event; rejects when the signal aborts or the emulator closes first. */
  waitFor<T extends EmulatorEvent["type"]>(
    type: T,
    match: (event: EventOf<T>) => boolean = () => true,
    { since = this.#events.length, signal }: WaitOptions = {},
  ): Promise<EventOf<T>> {
    const matches = (event: EmulatorEvent): event is EventOf<T> =>
      event.type === type && match(event as EventOf<T>);
    return this.next(matches, { since, ...(signal && { signal }) });
  }

  /** {@link waitFor} for any event that the guard accepts. */
  next<E extends EmulatorEvent>(
    matches: (event: EmulatorEvent) => event is E,
    { since = this.#events.length, signal }: WaitOptions = {},
  ): Promise<E> {
    const { promise, resolve, reject } = deferred<E>();
    const abort = (): void =>
      waiter.fail(new Error("Waiting for an event was aborted.", { cause: signal?.reason }));
    const settle = (): void => {
      this.#waiters.delete(waiter);
      signal?.removeEventListener("abort", abort);
    };
    const waiter: Waiter = {
      offer: (event) => {
        try {
          if (matches(event)) {
            settle();
            resolve(event);
          }
        } catch (error) {
          // A predicate of the caller that throws concerns the caller, not the server that logs.
          settle();
          reject(error);
        }
      },
      fail: (error) => {
        settle();
        reject(error);
      },
    };

    if (signal?.aborted) {
      abort();
      return promise;
    }
    const past = this.#events.slice(since).find(matches);
    if (past) {
      resolve(past);
    } else if (this.#isClosed) {
      reject(closedError());
    } else {
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiters.add(waiter);
    }
    return promise;
  }

  counters(): Counters {
    const count = (matches: (event: EmulatorEvent) => boolean): number => this.#events.filter(matches).length;
    return {
      tokenRequests: count((event) => event.type === "tokenRequest"),
      tokensIssued: count((event) => event.type === "tokenRequest" && event.issued),
      loginsAccepted: count((event) => event.type === "login" && event.accepted),
      loginsRefused: count((event) => event.type === "login" && !event.accepted),
      connected: count((event) => event.type === "connected"),
      disconnected: count((event) => event.type === "disconnected"),
    };
  }

  /** Rejects everybody who still waits. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters) {
      waiter.fail(closedError());
    }
  }
}

function closedError(): Error {
  return new Error("The emulator was closed while waiting for an event.");
}

// Promise.withResolvers arrives in Node 22.
function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
