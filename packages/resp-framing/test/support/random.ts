/** A random number generator with a seed (mulberry32), so that a failing run can be repeated. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Cuts bytes at random places, empty pieces included. */
export function cutAtRandom(bytes: Buffer, random: (below: number) => number): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = random(4) === 0 ? random(3) : random(40);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** Every way to cut bytes in two. */
export function* cutInTwo(bytes: Buffer): Iterable<readonly [Buffer, Buffer]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}
