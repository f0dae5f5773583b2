import { Socket } from "node:net";
import { setFlagsFromString } from "node:v8";

/** What V8, the engine of Node.js, does better for a proxy when it is told. */
export function tuneV8(): void {
  keepYoungGenerationSmall();
  leaveOutMaglev();
  if (Number.parseInt(process.versions.v8, 10) <= 11) shareSocketShapes();
}

/**
 * Keeps V8's space for new objects from growing further. A proxy that listens has some 4 MB of it; with the first
 * thousand connections it would become 16 MB, each of them twice, and stay so, which is a fifth of the memory of all.
 * What a proxy makes for a command is gone long before even the small one is full.
 *
 * V8 promises nothing for flags that change at run time. This one it reads whenever the space would grow
 * (`NewSpace::Grow` in heap/new-spaces.cc, Node.js 20 to 24); where it does not any more, the space grows.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Does without Maglev, the compiler that V8 12.4 and later use between the ones for new and for hot code (Node.js 24 and
 * later have it turned on). Its own code and what its threads keep take 8 MB by the time of the first thousand
 * connections, and a proxy is as fast without: what it does for each command is hot soon.
 */
function leaveOutMaglev(): void {
  setFlagsFromString("--no-maglev");
}

/** More than the 4 that V8 tells apart in one place (`--max-valid-polymorphic-map-count`). */
const KINDS = 20;
/** V8 begins to take notes of what a function meets with after its first calls. */
const ROUNDS = 3;

/**
 * Has sockets share the hidden classes of their options. Node.js copies these for each socket (`{ ...options }` in
 * lib/net.js); V8 11, which is in Node.js 20, makes hidden classes for each copy, as long as the place where that happens
 * has met with few kinds of options. That takes 10 µs for each client, and 1.4 kB that only a full garbage collection
 * frees. V8 12 does not have it.
 */
function shareSocketShapes(): void {
  for (let made = 0; made < ROUNDS * KINDS; made += 1) {
    // Without a file descriptor it is memory only, and gone at once.
    void new Socket(Object.fromEntries([[`kind${made % KINDS}`, undefined]]));
  }
}
