import { defineConfig } from "vitest/config";
import "./scripts/needs-node.js";

/** Every suite of the project, by the layer in which it proves something. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", "test/e2e/**", "test/redis/**"],
        },
      },
      "test/durable/vitest.config.ts",
      "test/ledger/vitest.config.ts",
      "test/identity/vitest.config.ts",
      "test/history/vitest.config.ts",
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
