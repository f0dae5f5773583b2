import { randomInt } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
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
 * What keeps a port while nobody listens on it: the same port of UDP, which nobody uses. Other emulators on this machine
 * find it taken, and when this process ends, the system lets go of it.
 */
const HOLDS = new Map<number, UdpSocket>();

/**
 * Listens on a free port that nobody is given while the server is down, not even another emulator; resolves with it.
 * {@link giveUpPort} ends that.
 *
 * @throws {Error} the system's, when it is not about the port
 */
export async function listenOnLastingPort(server: Server, host: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(FROM, TO);
    try {
      await hold(port);
      await listenOn(server, host, port);
      return port;
    } catch (error) {
      giveUpPort(port);
      if (!isTaken(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Nobody will listen on it again. */
export function giveUpPort(port: number): void {
  HOLDS.get(port)?.close();
  HOLDS.delete(port);
}

function hold(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4").unref();
    socket.once("error", (error) => {
      socket.close();
      reject(error);
    });
    // Node.js would share it with the workers of a cluster.
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => {
      HOLDS.set(port, socket);
      resolve();
    });
  });
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
