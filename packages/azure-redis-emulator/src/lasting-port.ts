import { randomInt } from "node:crypto";
import type { Server } from "node:net";

/**
 * Below the ports that systems give away by themselves, to outgoing connections and to whoever listens on port 0
 * (Linux from 32768, macOS and Windows from 49152): what listens here can stop and come back to the same port.
 */
const FROM = 20_000;
const TO = 32_768;

/** More would be somebody who holds nearly all of them. */
const ATTEMPTS = 100;

/**
 * Listens on a free port that nobody is given by chance while the server is down; resolves with it.
 *
 * @throws {Error} the system's, when it is not about the port
 */
export async function listenOnLastingPort(server: Server, host: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(FROM, TO);
    try {
      await listenOn(server, host, port);
      return port;
    } catch (error) {
      if (!isTaken(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Resolves when it listens. */
export function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      server.off("error", onError).off("close", onClose).off("listening", onListening);
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onClose = (): void => onError(new Error("It was closed when it began to listen."));
    const onListening = (): void => {
      settle();
      resolve();
    };
    server.once("error", onError).once("close", onClose).once("listening", onListening);
    server.listen(port, host);
  });
}

/** Windows answers `EACCES` for the ports that it has reserved. */
function isTaken(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES")
  );
}
