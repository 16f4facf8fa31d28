import { describe, expect, it } from "vitest";
import { breakerRecoveryTable, type Pace, simulateRecovery } from "./breaker-recovery.ts";

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
      expect(shared.leakedShare).toBeLessThan(
        simulateRecovery({ breaker: "sre", rps: 200, seed }).leakedShare,
      );
      expect(shared.recoveredAfterMs).toBeLessThan(
        simulateRecovery({ breaker: "alone", rps: 200, seed }).recoveredAfterMs,
      );
    }
  });

  it("ends the same for the same seed", () => {
    expect(simulateRecovery({ breaker: "sre", rps: 20, seed: 7 })).toEqual(
      simulateRecovery({ breaker: "sre", rps: 20, seed: 7 }),
    );
  });

  it("fits into a table", () => {
    expect(breakerRecoveryTable().split("\n")).toHaveLength(7);
  });
});

const every = (...everyMs: readonly number[]): readonly Pace[] => everyMs.map((ms) => ({ everyMs: ms }));
const CRON = { everyMs: 15_000, isBackground: true } as const;
/**
 * It finds out that the upstream is dead, and is gone then: the others are too few calls to
 * conclude anything from.
 */
const OPENER = { everyMs: 20, goneAfterMs: 5_000 } as const;

describe("isolates of very different pace, an upstream dead for 30 s, shared probing", () => {
  it.each<readonly [string, readonly Pace[]]>([
    ["one that calls less often than once a lease beside a busy one", every(50, 1_300)],
    ["two that call a little less often than once a lease", [OPENER, ...every(1_200, 1_300)]],
    ["four that call less often than once a lease", [OPENER, ...every(1_100, 1_300, 1_700, 2_300)]],
    ["eight of them, and one busy", every(1_100, 1_150, 1_200, 1_300, 1_400, 1_600, 1_700, 1_900, 20)],
    [
      "fifty that call every few seconds",
      every(...Array.from({ length: 50 }, (_, index) => 1_500 + index * 50)),
    ],
    ["one alone, every two seconds", [OPENER, ...every(2_000)]],
    ["a thousandfold apart, from 50 a second to three a minute", every(20, 200, 2_000, 20_000)],
    ["crons beside a busy one and slow ones", [CRON, CRON, CRON, ...every(50, 1_300, 2_500)]],
    ["crons beside slow ones only", [OPENER, CRON, CRON, ...every(1_300, 1_500)]],
  ])("are back within 6 s, and probe once a second at most: %s", (_name, rps) => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { recoveredAfterMs, probesPerSecond } = simulateRecovery({ breaker: "shared", rps, seed });
      expect(recoveredAfterMs).toBeLessThanOrEqual(6_000);
      // Crons that have not called for so long have not heard of the opening either.
      expect(probesPerSecond).toBeLessThanOrEqual(1.1);
    }
  });

  it("lets a cron that calls every quarter of a minute in at its first call after the repair", () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { recoveredAfterMs } = simulateRecovery({ breaker: "shared", rps: [OPENER, CRON], seed });
      expect(recoveredAfterMs).toBeLessThanOrEqual(15_750);
    }
  });
});
