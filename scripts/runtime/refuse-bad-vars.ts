import { readBffConfig } from "../../src/platform/bff/bff-config.ts";
import { readGatewayConfig } from "../../src/gateway/config.ts";
import { readHistoryConfig } from "../../src/history/config.ts";
import { readIdentityConfig } from "../../src/identity/config.ts";
import { readLedgerConfig } from "../../src/ledger/config.ts";
import { readRealtimeConfig } from "../../src/realtime/config.ts";
import { LaunchError } from "./launch-error.ts";
import type { WorkerConfig } from "./worker-configs.ts";

type ConfigReader = (env: object) => object;

/** By worker what reads its vars and secrets when it starts. */
export const CONFIG_READERS: Readonly<Record<string, ConfigReader>> = {
  "playhead-gateway": readGatewayConfig,
  "playhead-account-bff": readBffConfig,
  "playhead-app-bff": readBffConfig,
  "playhead-ops-bff": readBffConfig,
  "playhead-identity": readIdentityConfig,
  "playhead-history": readHistoryConfig,
  "playhead-wallet": readLedgerConfig,
  "playhead-savings": readLedgerConfig,
  "playhead-realtime": readRealtimeConfig,
  "playhead-durable": () => ({}),
};

/**
 * Reads every worker's config as the worker itself would: one that it refuses would only show as
 * thirty seconds of "not ready". Throws {@link LaunchError} with each worker's own words, told once
 * where several say the same.
 */
export function refuseBadVars(
  configs: readonly WorkerConfig[],
  vars: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>>,
): void {
  const reasons = new Set<string>();
  for (const { name, config } of configs) {
    const known = Object.keys(config.vars ?? {}).flatMap((key) =>
      vars[key] === undefined ? [] : [[key, vars[key]] as const],
    );
    const given: Readonly<Record<string, unknown>> = { ...config.vars, ...Object.fromEntries(known) };
    try {
      CONFIG_READERS[name]?.({ ...given, ...secrets });
      explained("BREAKER_ENGINES", () => requireCallers(String(given["BREAKER_ENGINES"] ?? ""), configs));
    } catch (error) {
      reasons.add(error instanceof Error ? error.message : String(error));
    }
  }
  if (reasons.size > 0) throw new LaunchError([...reasons].join("; "), { exitCode: 2 });
}

/** No worker knows the others' names: one that is misspelt would be ignored without a word. */
function requireCallers(engines: string, configs: readonly WorkerConfig[]): void {
  const names = configs.filter(({ config }) => "BREAKER_ENGINES" in config.vars).map(({ name }) => name);
  for (const [, caller = ""] of engines.matchAll(/(?:^|,)([^/,]+)\//g)) {
    if (!names.includes(caller))
      throw new Error(`no worker ${caller} guards calls; there are ${names.toSorted().join(", ")}`);
  }
}

function explained(name: string, read: () => unknown): void {
  try {
    read();
  } catch (cause) {
    throw new Error(`bad configuration: ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
