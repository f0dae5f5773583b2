import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Most of the time is spent waiting for tokens to end, so tests of one file may run side by side
    // (`describe.concurrent`), each with a cache of its own; two cores carry this many.
    maxWorkers: 2,
    maxConcurrency: 4,
  },
});
