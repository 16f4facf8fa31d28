import { resolve } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const root = `${resolve(import.meta.dirname, "../..")}/`;

/** Tests of the shared objects inside the real runtime, from their real config. */
export default defineConfig({
  root,
  plugins: [cloudflareTest({ wrangler: { configPath: `${root}src/durable/wrangler.toml` } })],
  test: {
    name: "durable-workerd",
    include: ["test/durable/**/*.workerd.test.ts"],
  },
});
