import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Real servers and real clients share two cores: files run side by side, tests in a file in order.
    maxWorkers: 2,
  },
});
