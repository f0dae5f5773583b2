import { defineConfig } from "vitest/config";

/** What needs a browser: `npm run test:browser`. */
export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.browser.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
