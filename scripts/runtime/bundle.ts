import { build, type Plugin } from "esbuild";

/** What wrangler leaves to the runtime, and how it resolves packages for it. */
const EXTERNAL = ["cloudflare:*", "node:*"];
const CONDITIONS = ["workerd", "worker", "browser"];

/**
 * Bundles a worker's main file as wrangler would, into one ES module. `plugins` are for benchmarks,
 * which leave parts out to weigh them.
 */
export async function bundleWorker(main: string, plugins: readonly Plugin[] = []): Promise<string> {
  const result = await build({
    entryPoints: [main],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    external: EXTERNAL,
    conditions: CONDITIONS,
    mainFields: ["browser", "module", "main"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "silent",
    plugins: [...plugins],
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`bundling ${main} gave no output`);
  return output.text;
}
