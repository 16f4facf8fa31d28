import { describe, expect, it } from "vitest";
import { localVars } from "../../scripts/runtime/local-vars.ts";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";
import { refuseLocalVars } from "../../scripts/tooling/refuse-local-vars.ts";

const withVar = (worker: string, name: string, value: string) =>
  readWorkerConfigs().map((config) =>
    config.name === worker
      ? { ...config, config: { ...config.config, vars: { ...config.config.vars, [name]: value } } }
      : config,
  );

describe("npm run deploy", () => {
  it("takes the configs as they are", () => {
    expect(() => refuseLocalVars(readWorkerConfigs())).not.toThrow();
  });

  it.each([
    ["playhead-gateway", "TEST_CONTINENT", localVars()["TEST_CONTINENT"]],
    ["playhead-gateway", "BOOT_ID", localVars()["BOOT_ID"]],
    ["playhead-history", "FAULTS", localVars()["FAULTS"]],
  ])("refuses %s with %s as a local start has it", (worker, name, value = "") => {
    expect(() => refuseLocalVars(withVar(worker, name, value))).toThrow(
      new RegExp(`wrangler\\.toml: ${name} may be set in local starts only`),
    );
  });
});
