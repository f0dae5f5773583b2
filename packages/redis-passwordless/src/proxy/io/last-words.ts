import type { Socket } from "node:net";

/**
 * Lets a socket read what its server has sent before it closed, although a write fails meanwhile.
 *
 * A server that breaks a connection off says why, and may have answered much before; all of it has arrived when a
 * write fails, and waits in the system. Node.js destroys a socket with the first write that fails, and so throws it
 * away, as nothing but a program with blocking writes would. So after such a write the socket is destroyed when it
 * has been read: at its end, or when a whole turn of the event loop brings nothing more.
 */
export function readsLastWords(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  let isReadingOn = false;
  socket.destroy = (error) => {
    if (!isWriteFailure(error)) return destroy(error);
    if (!isReadingOn) {
      isReadingOn = true;
      // The first turn may have begun with a look at what can be read.
      setImmediate(() => setImmediate(readOn, -1));
    }
    return socket;

    function readOn(bytesBefore: number): void {
      if (socket.destroyed) return;
      if (socket.isPaused()) {
        // Whoever reads it has to catch up first.
        socket.once("resume", () => setImmediate(() => setImmediate(readOn, -1)));
        return;
      }
      const { bytesRead } = socket;
      if (bytesRead === bytesBefore) destroy(error);
      else setImmediate(readOn, bytesRead);
    }
  };
}

/** The other side has closed; not a write after our own end. */
function isWriteFailure(error: Error | undefined): boolean {
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === "write" && (code === "EPIPE" || code === "ECONNRESET");
}
