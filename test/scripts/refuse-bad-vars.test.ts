import { describe, expect, it } from "vitest";
import { localVars } from "../../scripts/runtime/local-vars.ts";
import { refuseBadVars } from "../../scripts/runtime/refuse-bad-vars.ts";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";

const configs = readWorkerConfigs();
const secrets = makeSecrets();
const refuse = (vars: Readonly<Record<string, string>>, more = {}): void =>
  refuseBadVars(configs, vars, { ...secrets, ...more });

describe("a var that a worker would refuse is refused before anything starts", () => {
  it("and what a local start sets is none", () => {
    expect(() => refuse({})).not.toThrow();
    expect(() => refuse(localVars())).not.toThrow();
  });

  it.each([
    ["FLUSH_WINDOW_MS", "5", "must be a whole number in 100 … 3600000"],
    ["FLUSH_WINDOW_MS", "often", "must be a whole number in 100 … 3600000"],
    ["DELIVERIES_PER_SECOND", "0", "must be a whole number in 1 … 10000"],
    ["RATE_LIMIT_SCALE", "-1", "must be a number above 0, at most 10000"],
    ["FAULTS", "maybe", "must be on or off"],
    ["LOG_SAMPLE", "0", "must be a whole number in 1 … 1000000"],
    ["LOG_SAMPLE", "", "must be a whole number in 1 … 1000000"],
    ["LOG_SAMPLE", "0.01", "must be a whole number in 1 … 1000000"],
    ["LOG_LEVEL", "loud", '"debug"|"info"|"warn"|"error"|"silent"'],
    ["BREAKER_ENGINES", "history=magic", "must be one of sre, hystrix"],
    ["BREAKER_ENGINES", "a/b/history=sre", "must be upstream=engine or worker/upstream=engine"],
    ["BREAKER_ENGINES", "playhead-durable/history=sre", "no worker playhead-durable guards calls"],
    [
      "BREAKER_ENGINES",
      "history=sre,app-bff/history=sre",
      "no worker app-bff guards calls; there are playhead-account-bff, ",
    ],
    ["CORS_ORIGINS", "example.com", "must be origins (scheme, host, port), or localhost"],
    ["CORS_ORIGINS", "ftp://example.com", "must be origins"],
    ["CORS_ORIGINS", "https://example.com/", "must be origins"],
    ["DELIVERY_SCHEDULE_MS", "soon", "must be whole numbers of ms"],
  ])("by name and rule: %s=%s", (name, value, rule) => {
    expect(() => refuse({ [name]: value })).toThrow(name);
    expect(() => refuse({ [name]: value })).toThrow(rule);
  });

  it("but not one that names a worker that there is", () => {
    expect(() => refuse({ BREAKER_ENGINES: "history=sre,playhead-app-bff/history=hystrix" })).not.toThrow();
  });

  it("once, though four workers know it", () => {
    expect(() => refuse({ FAULTS: "maybe" })).toThrow(/^[^;]*$/);
  });

  it("and never tells a secret", () => {
    expect(() => refuse({}, { KEY_ENCRYPTION_KEY: "hunter2" })).toThrow(/KEY_ENCRYPTION_KEY(?!.*hunter2)/);
  });
});
