import { connect, type Socket } from "node:net";

/** What servers send; each read is copied out of it at once. */
const BUFFER = Buffer.allocUnsafeSlow(65_536);

/**
 * Connects to a server, and reads all that it sends before it closes although a write fails meanwhile: why the
 * connection ends, and the replies before that. Node.js would destroy the socket with the first write that fails, and
 * shows nothing of what is read after it, except through `onread`.
 */
export function connectToServer(port: number, host: string): Socket {
  const callback = (length: number): boolean => {
    socket.emit("data", Buffer.from(BUFFER.subarray(0, length)));
    return true;
  };
  const socket = connect({ port, host, allowHalfOpen: true, onread: { buffer: BUFFER, callback } });
  readsLastWords(socket);
  return socket;
}

function readsLastWords(socket: Socket): void {
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
