import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { goldenBinding } from "../support/golden/golden-binding.ts";
import { namingStatements, preparedStatements } from "./support/prepared-statements.ts";
import { bundled, durableWorker } from "../support/workers/bundled-worker.ts";
import { BUSY_MACHINE_MS, WORKERS_MAX } from "../support/run-limits.ts";

const root = fileURLToPath(new URL("../../", import.meta.url).href);

/**
 * Tests of a ledger inside the real runtime, from the wallet's real config, with a savings ledger
 * that does as it is told.
 */
export default defineConfig({
  root,
  plugins: [
    namingStatements(`${root}src/ledger/`),
    cloudflareTest(async () => ({
      wrangler: { configPath: `${root}src/ledger/wallet/wrangler.toml` },
      miniflare: {
        bindings: {
          ...goldenBinding("playhead-wallet"),
          LOG_LEVEL: "silent",
          CHANGE_SINK: "queue",
          MIGRATIONS: await readD1Migrations(`${root}migrations/ledger`),
          STATEMENTS_DOC: readFileSync(`${root}docs/design/ledger.md`, "utf8"),
          STATEMENTS: [...preparedStatements(`${root}src/ledger`)],
        },
        workers: [
          durableWorker(root),
          {
            name: "playhead-savings",
            modules: true,
            script: bundled(`${root}test/ledger/support/fake-peer.ts`),
            compatibilityDate: "2026-10-23",
          },
          {
            name: "playhead-realtime",
            modules: true,
            script: bundled(`${root}test/ledger/support/fake-pushes.ts`),
            compatibilityDate: "2026-10-23",
          },
        ],
      },
    })),
  ],
  test: {
    name: "ledger-workerd",
    maxWorkers: WORKERS_MAX,
    testTimeout: BUSY_MACHINE_MS,
    hookTimeout: BUSY_MACHINE_MS,
    include: ["test/ledger/**/*.workerd.test.ts"],
    setupFiles: ["test/ledger/apply-migrations.ts"],
  },
});
