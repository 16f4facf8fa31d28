import { defineConfig } from "vitest/config";

/**
 * The tests that no mutant of `src/resilience/` should survive: see stryker.config.json. `npm test`
 * runs the same files in the project "unit".
 */
export default defineConfig({
  test: {
    name: "resilience",
    include: ["test/resilience/**/*.test.ts"],
    setupFiles: ["test/resilience/support/fixed-seed.ts"],
  },
});
