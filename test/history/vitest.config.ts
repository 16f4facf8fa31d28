import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { durableWorker } from "../support/workers/bundled-worker.ts";

const root = `${resolve(import.meta.dirname, "../..")}/`;

/** Tests of the history worker inside the real runtime, from its real config. */
export default defineConfig({
  root,
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: `${root}src/history/wrangler.toml` },
      miniflare: {
        bindings: {
          LOG_LEVEL: "silent",
          HISTORY_SHARDS: "4",
          MIGRATIONS: await readD1Migrations(`${root}migrations/history`),
          STATEMENTS_DOC: readFileSync(`${root}docs/design/history.md`, "utf8"),
        },
        workers: [durableWorker(root)],
      },
    })),
  ],
  test: {
    name: "history-workerd",
    include: ["test/history/**/*.workerd.test.ts"],
    setupFiles: ["test/history/apply-migrations.ts"],
  },
});
