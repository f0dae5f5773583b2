import type { Socket } from "node:net";

/**
 * Lets a socket read what its server has sent before it closed, although a write fails meanwhile.
 *
 * A server that breaks a connection off says why, and may have answered much before; all of it has arrived when a
 * write fails, and waits in the system. Node.js destroys a socket with the first write that fails, and throws it away.
 */
export function readsLastWords(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  let failure: Error | undefined;
  let bytesBefore = -1;
  const readOn = (): void => {
    if (socket.destroyed) return;
    if (socket.isPaused()) {
      // The client has to catch up first.
      socket.once("resume", () => setImmediate(readOn));
      return;
    }
    // A whole turn of the event loop has brought nothing more.
    if (socket.bytesRead === bytesBefore) destroy(failure);
    else {
      bytesBefore = socket.bytesRead;
      setImmediate(readOn);
    }
  };
  socket.destroy = (error) => {
    if (!isWriteFailure(error)) return destroy(error);
    if (failure === undefined) setImmediate(readOn);
    failure ??= error;
    return socket;
  };
}

/** The other side has closed; not a write after our own end. */
function isWriteFailure(error: Error | undefined): error is Error {
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === "write" && (code === "EPIPE" || code === "ECONNRESET");
}
