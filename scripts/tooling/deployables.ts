import type { WorkerConfig } from "../runtime/worker-configs.ts";
import type { Deployable } from "./deploy-order.ts";

/**
 * The workers with those they are bound to: by a service binding, or by a Durable Object that
 * another worker exports.
 */
export function deployablesOf(configs: readonly WorkerConfig[]): readonly Deployable[] {
  return configs.map(({ name, config }) => {
    const hosts = config.durable_objects.bindings.flatMap(({ script_name: host }) =>
      host === undefined || host === name ? [] : [host],
    );
    return { name, needs: [...(config.services ?? []).map(({ service }) => service), ...hosts] };
  });
}
