import type { Duplex } from "node:stream";

/** How long nothing may come before a conversation counts as hanging, in milliseconds. */
const PATIENCE_MS = 10_000;

/** What came back, and how it ended. */
export interface Outcome {
  /** latin1 */
  readonly received: string;
  /** `silent`: nothing came for a long time though an end was due. */
  readonly end: "closed" | "silent";
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes pieces as separate packets, as far as the network leaves them, and reads until the other side closes. */
export async function converse(
  socket: Duplex,
  pieces: readonly Buffer[],
  { pause = turn }: { readonly pause?: () => Promise<void> } = {},
): Promise<Outcome> {
  const received: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const outcome = new Promise<Outcome["end"]>((resolve) => {
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => resolve("silent"), PATIENCE_MS);
    };
    wait();
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      wait();
    });
    socket.on("error", () => {});
    socket.on("end", () => resolve("closed"));
    socket.on("close", () => resolve("closed"));
  });
  socket.resume();
  for (const [index, piece] of pieces.entries()) {
    if (!socket.writable) break;
    socket.write(piece);
    // Mostly one packet each, sometimes two in one.
    if (index % 3 !== 2) await pause();
  }
  const end = await outcome;
  clearTimeout(timer);
  socket.destroy();
  return { received: Buffer.concat(received).toString("latin1"), end };
}
