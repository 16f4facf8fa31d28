import { resolve } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { goldenBinding } from "../support/golden/golden-binding.ts";
import { BUSY_MACHINE_MS, WORKERS_MAX } from "../support/run-limits.ts";

const root = `${resolve(import.meta.dirname, "../..")}/`;

/** Tests of the shared objects inside the real runtime, from their real config. */
export default defineConfig({
  root,
  plugins: [
    cloudflareTest({
      wrangler: { configPath: `${root}src/durable/wrangler.toml` },
      miniflare: { bindings: goldenBinding("playhead-durable") },
    }),
  ],
  test: {
    name: "durable-workerd",
    maxWorkers: WORKERS_MAX,
    testTimeout: BUSY_MACHINE_MS,
    hookTimeout: BUSY_MACHINE_MS,
    include: ["test/durable/**/*.workerd.test.ts"],
  },
});
