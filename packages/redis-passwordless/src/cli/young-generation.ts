import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's space for new objects from growing further. A proxy that listens has some 4 MB of it; with the first
 * thousand connections it would become 16 MB, each of them twice, and stay so, which is a fifth of the memory of all.
 * What a proxy makes for a command is gone long before even the small one is full.
 *
 * V8 promises nothing for flags that change at run time. This one it reads whenever the space would grow
 * (`NewSpace::Grow` in heap/new-spaces.cc, Node.js 20 to 24); where it does not any more, the space grows.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
