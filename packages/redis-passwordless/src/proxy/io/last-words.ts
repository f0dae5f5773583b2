import type { Socket } from "node:net";

/**
 * Lets a socket read what its server has sent before it closed, although a write fails meanwhile.
 *
 * A server that breaks a connection off says why, and may have answered much before; all of it has arrived when a
 * write fails, and waits in the system. Node.js destroys a socket with the first write that fails, and throws it away.
 */
export function readsLastWords(socket: Socket): void {
  // One function for all sockets: there are many.
  socket.destroy = destroyAtLast;
}

/** Those that read on before they are destroyed. */
const reading = new WeakSet<Socket>();

function destroyAtLast<S extends Socket>(this: S, error?: Error): S {
  if (!isWriteFailure(error)) return destroy(this, error);
  if (!reading.has(this)) {
    reading.add(this);
    setImmediate(() => readOn(this, error, -1));
  }
  return this;
}

function readOn(socket: Socket, failure: Error, bytesBefore: number): void {
  if (socket.destroyed) return;
  const { bytesRead } = socket;
  const again = (bytes: number): unknown => setImmediate(() => readOn(socket, failure, bytes));
  // The client has to catch up first.
  if (socket.isPaused()) socket.once("resume", () => again(-1));
  // A whole turn of the event loop has brought nothing more.
  else if (bytesRead === bytesBefore) destroy(socket, failure);
  else again(bytesRead);
}

function destroy<S extends Socket>(socket: S, error: Error | undefined): S {
  return (Object.getPrototypeOf(socket) as Socket).destroy.call(socket, error) as S;
}

/** The other side has closed; not a write after our own end. */
function isWriteFailure(error: Error | undefined): error is Error {
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === "write" && (code === "EPIPE" || code === "ECONNRESET");
}
