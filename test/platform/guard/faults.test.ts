import { describe, expect, it } from "vitest";
import type { Fault } from "../../../src/contracts/durable.ts";
import { faultInjector } from "../../../src/platform/guard/faults.ts";

function injector(fault: Fault | null | Error, random = 0.5) {
  const sleeps: number[] = [];
  const asked: unknown[] = [];
  const faults = faultInjector({
    board: {
      faultOf: async (bootId, target) => {
        asked.push([bootId, target]);
        if (fault instanceof Error) throw fault;
        return fault;
      },
    },
    bootId: "boot-1",
    target: "history",
    random: () => random,
    sleep: async (ms) => void sleeps.push(ms),
  });
  return { faults, sleeps, asked };
}

describe("an injected fault", () => {
  it("adds latency and then fails as often as it says, in the name of this boot", async () => {
    const half = { latencyMs: 30, errorRate: 0.5, untilMs: null };
    const spared = injector(half, 0.5);
    expect(await spared.faults.around(async () => "answer")).toBe("answer");
    expect([spared.sleeps, spared.asked]).toEqual([[30], [["boot-1", "history"]]]);
    const hit = injector(half, 0.499);
    let called = false;
    await expect(hit.faults.around(async () => (called = true))).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(called).toBe(false);
  });

  it("is in force for as long as the board says, whatever time it is here", async () => {
    const fault = { latencyMs: 0, errorRate: 1, untilMs: 1 };
    await expect(injector(fault, 0).faults.around(async () => 1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
  });

  it("is none where there is none, or where the board can't be asked", async () => {
    expect(await injector(null).faults.around(async () => 1)).toBe(1);
    expect(await injector(new Error("away")).faults.around(async () => 1)).toBe(1);
  });
});
