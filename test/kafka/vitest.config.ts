import { defineConfig } from "vitest/config";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

/** npm run test:kafka: what needs a real Kafka, and so is no part of npm test. */
export default defineConfig({
  root: PROJECT_ROOT,
  test: {
    name: "kafka",
    include: ["test/kafka/**/*.test.ts"],
    globalSetup: ["test/kafka/support/one-broker.ts", "test/support/platforms/migrated-state.ts"],
    testTimeout: 60_000,
    hookTimeout: 90_000,
    fileParallelism: false,
  },
});
