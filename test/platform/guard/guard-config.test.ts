import * as z from "zod/mini";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../../src/platform/config.ts";
import { guardVars, limitModesVar, rateLimitScaleVar } from "../../../src/platform/guard/guard-config.ts";

const schema = z.object({ ...guardVars, LIMIT_MODES: limitModesVar, RATE_LIMIT_SCALE: rateLimitScaleVar });
const GOOD = {
  BREAKER_ENGINES: "",
  HEDGED_UPSTREAMS: "",
  FAULTS: "off",
  BOOT_ID: "",
  LIMIT_MODES: "",
  RATE_LIMIT_SCALE: "1",
};

describe("the vars of a guard", () => {
  it("are what their texts say", () => {
    expect(readConfig(schema, GOOD)).toEqual({
      BREAKER_ENGINES: {},
      HEDGED_UPSTREAMS: [],
      FAULTS: "off",
      BOOT_ID: "",
      LIMIT_MODES: {},
      RATE_LIMIT_SCALE: 1,
    });
    const set = {
      BREAKER_ENGINES: "history=sre,playhead-ops-bff/history=hystrix",
      HEDGED_UPSTREAMS: "history,identity",
      LIMIT_MODES: "default=lease",
    };
    expect(readConfig(schema, { ...GOOD, ...set, RATE_LIMIT_SCALE: "0.5" })).toMatchObject({
      BREAKER_ENGINES: { history: "sre", "playhead-ops-bff/history": "hystrix" },
      HEDGED_UPSTREAMS: ["history", "identity"],
      LIMIT_MODES: { default: "lease" },
      RATE_LIMIT_SCALE: 0.5,
    });
  });

  it.each([
    ["BREAKER_ENGINES", "history=magic"],
    ["BREAKER_ENGINES", "history"],
    ["BREAKER_ENGINES", "/history=sre"],
    ["BREAKER_ENGINES", "a/b/history=sre"],
    ["HEDGED_UPSTREAMS", "history;app"],
    ["FAULTS", "maybe"],
    ["LIMIT_MODES", "default=loose"],
    ["LIMIT_MODES", "a/default=lease"],
    ["RATE_LIMIT_SCALE", "0"],
    ["RATE_LIMIT_SCALE", "10001"],
    ["RATE_LIMIT_SCALE", "many"],
  ])("are refused by name: %s=%s", (name, value) => {
    expect(() => readConfig(schema, { ...GOOD, [name]: value })).toThrow(
      new RegExp(`^bad configuration: ${name}`),
    );
  });
});
