import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { goldenBinding } from "../support/golden/golden-binding.ts";
import { bundled, durableWorker } from "../support/workers/bundled-worker.ts";
import { BUSY_MACHINE_MS, WORKERS_MAX } from "../support/run-limits.ts";

const root = `${resolve(import.meta.dirname, "../..")}/`;

const heardComets = {
  name: "playhead-realtime",
  modules: true as const,
  script: bundled(`${root}test/history/support/heard-comet.ts`),
  compatibilityDate: "2026-10-23",
  durableObjects: { Comet: { className: "Comet", useSQLite: true } },
};

/** Tests of the history worker inside the real runtime, from its real config. */
export default defineConfig({
  root,
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: `${root}src/history/wrangler.toml` },
      miniflare: {
        bindings: {
          ...goldenBinding("playhead-history"),
          LOG_LEVEL: "silent",
          HISTORY_SHARDS: "4",
          MIGRATIONS: await readD1Migrations(`${root}migrations/history`),
          STATEMENTS_DOC: readFileSync(`${root}docs/design/history.md`, "utf8"),
        },
        workers: [durableWorker(root), heardComets],
      },
    })),
  ],
  test: {
    name: "history-workerd",
    maxWorkers: WORKERS_MAX,
    testTimeout: BUSY_MACHINE_MS,
    hookTimeout: BUSY_MACHINE_MS,
    include: ["test/history/**/*.workerd.test.ts"],
    setupFiles: ["test/history/apply-migrations.ts"],
  },
});
