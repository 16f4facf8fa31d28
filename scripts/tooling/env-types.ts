import { basename, dirname, join, relative } from "node:path";
import { PROJECT_ROOT } from "../runtime/project-root.ts";
import type { WorkerConfig } from "../runtime/worker-configs.ts";

/** The generated declaration of one worker's bindings. */
export interface EnvTypes {
  readonly worker: string;
  /** The global interface, such as `AccountBffEnv` for `playhead-account-bff`. */
  readonly interfaceName: string;
  /** Where it lies, beside the worker's main file, relative to the project. */
  readonly path: string;
  /** Arguments for `wrangler`, without `--check`. */
  readonly args: readonly string[];
}

/**
 * What `wrangler types` is asked for each worker. The runtime's own types come from
 * `@cloudflare/workers-types` for all of them.
 */
export function envTypesOf({ name, path: configPath, config }: WorkerConfig): EnvTypes {
  if (config.main === undefined) throw new Error(`${configPath} names no main file`);
  const folder = dirname(relative(PROJECT_ROOT, config.main));
  // A code base with several configs, each in a folder below it, is named by its folder.
  const words = (
    dirname(configPath) === folder || dirname(configPath) === "."
      ? name.replace(/^playhead-/, "")
      : basename(folder)
  ).split("-");
  const interfaceName = `${words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join("")}Env`;
  const path = join(folder, "env.d.ts");
  const args = [
    "types",
    `--config=${configPath}`,
    "--include-runtime=false",
    "--strict-vars=false",
    `--env-interface=${interfaceName}`,
    path,
  ];
  return { worker: name, interfaceName, path, args };
}
