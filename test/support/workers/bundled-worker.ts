import { buildSync } from "esbuild";

/** A worker's code as one module: what an auxiliary worker in the test pool must be given as. */
export function bundled(entryPoint: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [entryPoint],
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

const OBJECTS = ["RateWindow", "BreakerState", "FaultBoard"] as const;

/** The real `playhead-durable` beside the worker under test, which binds its objects. */
export function durableWorker(root: string) {
  return {
    name: "playhead-durable",
    modules: true,
    script: bundled(`${root}src/durable/worker.ts`),
    compatibilityDate: "2026-10-23",
    durableObjects: Object.fromEntries(
      OBJECTS.map((className) => [className, { className, useSQLite: true }]),
    ),
  };
}
