import { defineConfig } from "vitest/config";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

/** npm run test:redis: what needs a real redis-server, and so is no part of npm test. */
export default defineConfig({
  root: PROJECT_ROOT,
  test: {
    name: "redis",
    include: ["test/redis/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    fileParallelism: false,
  },
});
