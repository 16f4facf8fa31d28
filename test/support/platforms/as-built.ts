import type { RunnableWorker } from "../../../scripts/runtime/platform.ts";

/** A worker as it is configured now with the one module that it is given, if any. */
export function asBuilt(worker: RunnableWorker, bundle: string | undefined): RunnableWorker {
  if (bundle === undefined) return worker;
  return { ...worker, modules: [{ type: "ESModule", path: "index.js", contents: bundle }] };
}
