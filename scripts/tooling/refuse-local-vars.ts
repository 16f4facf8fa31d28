import { LaunchError } from "../runtime/launch-error.ts";
import type { WorkerConfig } from "../runtime/worker-configs.ts";

/** Vars that make a platform a developer's own, and what they are elsewhere. */
const DEPLOYED: Readonly<Record<string, string>> = { FAULTS: "off", TEST_CONTINENT: "off", BOOT_ID: "" };

/** Throws {@link LaunchError} where a config has what only a local start may set. */
export function refuseLocalVars(configs: readonly WorkerConfig[]): void {
  for (const { path, config } of configs) {
    for (const [name, deployed] of Object.entries(DEPLOYED)) {
      const value: unknown = (config.vars as Readonly<Record<string, unknown>>)[name];
      if (value !== undefined && value !== deployed)
        throw new LaunchError(`${path}: ${name} may be set in local starts only, and must be "${deployed}"`, {
          exitCode: 2,
        });
    }
  }
}
