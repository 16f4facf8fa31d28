import { globSync } from "node:fs";
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

/** Every worker of the project, the gateway first, the others by path. */
export function readWorkerConfigs(): readonly WorkerConfig[] {
  const paths = ["wrangler.toml", ...globSync("src/**/wrangler.toml", { cwd: PROJECT_ROOT }).sort()];
  return paths.map((path) => {
    const config = unstable_readConfig({ config: PROJECT_ROOT + path }, { hideWarnings: true });
    if (config.name === undefined) throw new Error(`${path} names no worker`);
    return { name: config.name, path, config };
  });
}
