import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TaskGroup } from "../../src/resilience/task-group.ts";
import { LaunchError } from "../runtime/launch-error.ts";
import { wranglerEnvironment } from "../runtime/migrate.ts";
import type { WorkerConfig } from "../runtime/worker-configs.ts";
import { formatWeight, weighBundle, type BundleWeight } from "./bundle-budget.ts";
import { runCommand } from "./run-command.ts";

const CONCURRENCY_MAX = 2;

/**
 * Builds every worker as a deployment would, offline, and weighs it. Throws {@link LaunchError} if
 * one fails or is too large.
 */
export async function dryRun(configs: readonly WorkerConfig[], say: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "playhead-deploy-"));
  const weights = new Map<string, BundleWeight>();
  try {
    const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
    for (const { name, path } of configs) {
      group.go(async (signal) => {
        const outDir = join(folder, name);
        const args = ["deploy", "--dry-run", "--minify", "--outdir", outDir, "-c", path];
        const result = await runCommand("wrangler", args, { env: wranglerEnvironment(folder), signal });
        if (!result.ok) throw new LaunchError(`${name} can't be built:\n${result.output.trim()}`);
        weights.set(name, weighBundle(name, outDir));
      });
    }
    await group.wait();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const inOrder = configs.flatMap(({ name }) => weights.get(name) ?? []);
  for (const weight of inOrder) say(formatWeight(weight));
  const tooLarge = inOrder.filter(({ withinBudget }) => !withinBudget).map(({ worker }) => worker);
  if (tooLarge.length > 0) throw new LaunchError(`over the budget: ${tooLarge.join(", ")}`);
}
