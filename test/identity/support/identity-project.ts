import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { goldenBinding } from "../../support/golden/golden-binding.ts";
import { bundled, durableWorker } from "../../support/workers/bundled-worker.ts";
import { BUSY_MACHINE_MS, WORKERS_MAX } from "../../support/run-limits.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url).href);

/** The files of one project, by patterns, and whether several of them run at once. */
interface Files {
  readonly name: string;
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  readonly fileParallelism: boolean;
}

/**
 * Tests of the identity worker inside the real runtime, from its real config, with a history
 * service that does as it is told.
 */
export function identityProject({ name, include, exclude = [], fileParallelism }: Files): ViteUserConfig {
  return defineConfig({
    root,
    plugins: [
      cloudflareTest(async () => ({
        wrangler: { configPath: `${root}src/identity/wrangler.toml` },
        miniflare: {
          bindings: {
            ...goldenBinding("playhead-identity"),
            LOG_LEVEL: "silent",
            KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64url"),
            ADMIN_EMAIL: "Operator@Example.com",
            ADMIN_PASSWORD: "the operator's own",
            RATE_LIMIT_SCALE: "1",
            CELLS: "main,us:enam,jp",
            CELL_OF: "NA=us,AS=jp,*=main",
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
      name,
      fileParallelism,
      ...(fileParallelism && { maxWorkers: WORKERS_MAX }),
      testTimeout: BUSY_MACHINE_MS,
      hookTimeout: BUSY_MACHINE_MS,
      include: [...include],
      exclude: [...exclude],
      setupFiles: ["test/identity/apply-migrations.ts"],
    },
  });
}
