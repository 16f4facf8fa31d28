import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { GATEWAY } from "../runtime/worker-configs.ts";

/** What a worker may weigh, gzipped: every byte is parsed at each cold start. */
const GATEWAY_BYTES_MAX = 60 * 1024;
const OTHER_BYTES_MAX = 90 * 1024;
/**
 * It has two buses, and the client of Redis, which is all commands in one class
 * (docs/decisions/0025 and 0026).
 */
const HISTORY_BYTES_MAX = 122 * 1024;
const BUDGETS: Readonly<Record<string, number>> = {
  [GATEWAY]: GATEWAY_BYTES_MAX,
  "playhead-history": HISTORY_BYTES_MAX,
};

/** What a worker's bundle weighs against what it may. */
export interface BundleWeight {
  readonly worker: string;
  readonly gzipBytes: number;
  readonly budgetBytes: number;
  readonly withinBudget: boolean;
}

export function budgetOf(worker: string): number {
  return BUDGETS[worker] ?? OTHER_BYTES_MAX;
}

/**
 * Weighs the modules that `wrangler deploy --dry-run --outdir` left in a folder; source maps are
 * not uploaded as code.
 */
export function weighBundle(worker: string, outDir: string): BundleWeight {
  const modules = globSync("**/*.{js,mjs,wasm}", { cwd: outDir });
  if (modules.length === 0) throw new Error(`${outDir} holds no bundle of ${worker}`);
  const gzipBytes = modules.reduce((sum, path) => sum + gzipSync(readFileSync(join(outDir, path))).length, 0);
  const budgetBytes = budgetOf(worker);
  return { worker, gzipBytes, budgetBytes, withinBudget: gzipBytes <= budgetBytes };
}

/** One line of the table that `npm run deploy -- --dry-run` prints. */
export function formatWeight({ worker, gzipBytes, budgetBytes, withinBudget }: BundleWeight): string {
  const kib = (bytes: number): string => (bytes / 1024).toFixed(1).padStart(6);
  return `${worker.padEnd(24)} ${kib(gzipBytes)} KB gzip of ${kib(budgetBytes)} KB  ${withinBudget ? "ok" : "TOO LARGE"}`;
}
