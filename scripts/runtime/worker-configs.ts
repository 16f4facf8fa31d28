import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { unstable_readConfig, type Unstable_Config } from "wrangler";
import { PROJECT_ROOT } from "./project-root.ts";

/** One deployable worker, as its wrangler.toml describes it. */
export interface WorkerConfig {
  readonly name: string;
  /** Path of the wrangler.toml, relative to the project. */
  readonly path: string;
  readonly config: Unstable_Config;
}

/** The worker that owns the port. */
export const GATEWAY = "playhead-gateway";

/**
 * Every worker of the project, the gateway first, the others by path; or of another folder that is
 * laid out like it.
 */
export function readWorkerConfigs(folder: string = PROJECT_ROOT): readonly WorkerConfig[] {
  const found = ["wrangler.toml", ...globSync("src/**/wrangler.toml", { cwd: folder }).sort()];
  return found.map((file) => {
    const path = relative(PROJECT_ROOT, join(folder, file));
    const config = unstable_readConfig({ config: PROJECT_ROOT + path }, { hideWarnings: true });
    if (config.name === undefined) throw new Error(`${path} names no worker`);
    return { name: config.name, path, config };
  });
}
