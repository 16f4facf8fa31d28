import { resolve } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { BUSY_MACHINE_MS, WORKERS_MAX } from "../support/run-limits.ts";
import { configWithoutPorts } from "../support/workers/config-without-ports.ts";
import { bundled, durableWorker } from "../support/workers/bundled-worker.ts";

const root = `${resolve(import.meta.dirname, "../..")}/`;
const { INTERNAL_JWKS, GATEWAY_SIGNING_KEY } = makeSecrets();

/** A worker that the realtime worker calls, as `support/neighbours.ts` plays it. */
const neighbour = (name: string) => ({
  name,
  modules: true as const,
  script: bundled(`${root}test/realtime/support/neighbours.ts`),
  compatibilityDate: "2026-10-23",
});

/** Tests of the realtime worker inside the real runtime, from its real config. */
export default defineConfig({
  root,
  plugins: [
    cloudflareTest({
      wrangler: { configPath: configWithoutPorts(root, `${root}src/realtime/wrangler.toml`) },
      miniflare: {
        bindings: {
          LOG_LEVEL: "silent",
          REALTIME_GUESTS: "on",
          INTERNAL_JWKS,
          /** For what the gateway signs. */
          GATEWAY_SIGNING_KEY,
        },
        workers: [durableWorker(root), neighbour("playhead-history"), neighbour("playhead-identity")],
      },
    }),
  ],
  test: {
    name: "realtime-workerd",
    maxWorkers: WORKERS_MAX,
    testTimeout: BUSY_MACHINE_MS,
    hookTimeout: BUSY_MACHINE_MS,
    include: ["test/realtime/**/*.workerd.test.ts"],
  },
});
