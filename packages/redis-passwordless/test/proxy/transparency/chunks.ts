import { between } from "../../support/random.js";

/**
 * Cuts bytes at random places: most pieces are a few commands long, some are single bytes.
 *
 * @param pieces about how many
 */
export function cut(bytes: Buffer, random: () => number, pieces: number): Buffer[] {
  const chunks: Buffer[] = [];
  const usual = Math.max(1, (2 * bytes.length) / pieces);
  for (let at = 0; at < bytes.length; ) {
    const size = random() < 0.15 ? between(random, 1, 4) : between(random, 1, usual);
    const end = Math.min(bytes.length, at + Math.floor(size));
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}
