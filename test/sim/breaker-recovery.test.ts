import { describe, expect, it } from "vitest";
import { breakerRecoveryTable, simulateRecovery } from "./breaker-recovery.ts";

const SEEDS = [1, 2, 3, 4, 5];

describe("four isolates, an upstream dead for 30 s, shared probing", () => {
  for (const rps of [20, 200]) {
    it(`admits 95 % within 6 s of the repair, and sends at most one probe a second before, at ${rps} calls/s`, () => {
      for (const seed of SEEDS) {
        const { recoveredAfterMs, probesPerSecond } = simulateRecovery({ breaker: "shared", rps, seed });
        expect(recoveredAfterMs).toBeLessThanOrEqual(6_000);
        expect(probesPerSecond).toBeGreaterThan(0);
        expect(probesPerSecond).toBeLessThanOrEqual(1);
      }
    });
  }

  it("leaks less to the dead upstream than the SRE engine and recovers sooner than an isolate on its own", () => {
    for (const seed of SEEDS) {
      const shared = simulateRecovery({ breaker: "shared", rps: 200, seed });
      expect(shared.leakedShare).toBeLessThan(simulateRecovery({ breaker: "sre", rps: 200, seed }).leakedShare);
      expect(shared.recoveredAfterMs).toBeLessThan(simulateRecovery({ breaker: "alone", rps: 200, seed }).recoveredAfterMs);
    }
  });

  it("ends the same for the same seed", () => {
    expect(simulateRecovery({ breaker: "sre", rps: 20, seed: 7 })).toEqual(simulateRecovery({ breaker: "sre", rps: 20, seed: 7 }));
  });

  it("fits into a table", () => {
    expect(breakerRecoveryTable().split("\n")).toHaveLength(7);
  });
});
