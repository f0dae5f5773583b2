/** A listener for one kind of event. */
export type Listener<Payload> = (payload: Payload) => void;

/**
 * Typed events whose listeners cannot disturb what they listen to: one that throws is reported as a process
 * warning, and everybody else still hears.
 */
export class Events<Map extends object> {
  readonly #listeners = new globalThis.Map<keyof Map, Set<Listener<never>>>();

  on<Name extends keyof Map>(name: Name, listener: Listener<Map[Name]>): Disposable {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  off<Name extends keyof Map>(name: Name, listener: Listener<Map[Name]>): void {
    this.#listeners.get(name)?.delete(listener);
  }

  has(name: keyof Map): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Map>(name: Name, payload: Map[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined || listeners.size === 0) return;
    for (const listener of Array.from(listeners)) {
      try {
        (listener as Listener<Map[Name]>)(payload);
      } catch (error) {
        warnOfListener(`A listener for "${String(name)}"`, error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** Callbacks of the user's that throw are reported, and change nothing else. */
export function warnOfListener(who: string, error: unknown): void {
  process.emitWarning(`${who} threw: ${String(error)}`, { code: "PASSWORDLESS_LISTENER_THREW" });
}
