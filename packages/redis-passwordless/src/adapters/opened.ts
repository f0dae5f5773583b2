import type { Duplex } from "node:stream";

/**
 * Resolves with the stream when it is open, that is, when it has emitted this event; destroys it when the signal
 * comes first.
 */
export function opened<S extends Duplex>(
  stream: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      stream.off("error", onError).off("close", onClose).off(event, onOpen);
    };
    const onOpen = (): void => {
      settle();
      resolve(stream);
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onClose = (): void => onError(new Error("the connection was closed while it was opened"));
    const onAbort = (): void => {
      stream.destroy();
      onError(signal.reason as Error);
    };
    stream.once(event, onOpen).once("error", onError).once("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
