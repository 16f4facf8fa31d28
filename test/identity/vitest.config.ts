import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { bundled, durableWorker } from "../support/workers/bundled-worker.ts";

const root = fileURLToPath(new URL("../../", import.meta.url).href);

/**
 * Tests of the identity worker inside the real runtime, from its real config, with a history
 * service that does as it is told.
 */
export default defineConfig({
  root,
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: `${root}src/identity/wrangler.toml` },
      miniflare: {
        bindings: {
          LOG_LEVEL: "silent",
          KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64url"),
          ADMIN_EMAIL: "Operator@Example.com",
          ADMIN_PASSWORD: "the operator's own",
          RATE_LIMIT_SCALE: "1",
          MIGRATIONS: await readD1Migrations(`${root}migrations/identity`),
          STATEMENTS_DOC: readFileSync(`${root}docs/design/identity.md`, "utf8"),
        },
        workers: [
          durableWorker(root),
          {
            name: "playhead-history",
            modules: true,
            script: bundled(`${root}test/identity/support/fake-history.ts`),
            compatibilityDate: "2026-10-23",
          },
        ],
      },
    })),
  ],
  test: {
    name: "identity-workerd",
    include: ["test/identity/**/*.workerd.test.ts"],
    setupFiles: ["test/identity/apply-migrations.ts"],
    testTimeout: 20_000,
  },
});
