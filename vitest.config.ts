import { defineConfig } from "vitest/config";
import "./scripts/needs-node.js";
import { LongFirst } from "./test/support/long-first.ts";
import {
  ALONE,
  BUSY_MACHINE_MS,
  NOT_ASKED_FOR,
  SHARED,
  STARTS_MS,
  WORKERS_MAX,
} from "./test/support/run-limits.ts";

/** With -u the documents of the simulators are written anew, and so their seeds looked for. */
const isUpdate = process.argv.some((arg) => arg === "-u" || arg.startsWith("--update"));

const WITH_PLATFORMS = {
  globalSetup: ["test/support/platforms/migrated-state.ts"],
  testTimeout: STARTS_MS,
  hookTimeout: STARTS_MS,
};

/** Every suite of the project, by the layer in which it proves something. */
export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: "unit",
          maxWorkers: WORKERS_MAX,
          testTimeout: BUSY_MACHINE_MS,
          hookTimeout: BUSY_MACHINE_MS,
          env: isUpdate ? { FIRST_SEEDS: "search" } : {},
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", "test/e2e/**", "test/{redis,kafka}/**", ...SHARED],
        },
      },
      {
        test: {
          name: "unit-shared",
          isolate: false,
          maxWorkers: WORKERS_MAX,
          testTimeout: BUSY_MACHINE_MS,
          hookTimeout: BUSY_MACHINE_MS,
          include: [...SHARED],
        },
      },
      "test/durable/vitest.config.ts",
      "test/ledger/vitest.config.ts",
      "test/identity/vitest.config.ts",
      "test/identity/vitest.alone.config.ts",
      "test/history/vitest.config.ts",
      "test/realtime/vitest.config.ts",
      {
        test: {
          name: "e2e",
          maxWorkers: WORKERS_MAX,
          include: ["test/e2e/**/*.test.ts"],
          exclude: [...ALONE, ...NOT_ASKED_FOR],
          ...WITH_PLATFORMS,
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: [...ALONE],
          exclude: [...NOT_ASKED_FOR],
          fileParallelism: false,
          ...WITH_PLATFORMS,
        },
      },
    ],
  },
});
