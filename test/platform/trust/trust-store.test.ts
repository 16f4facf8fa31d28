import { describe, expect, it } from "vitest";
import { TrustStore } from "../../../src/platform/trust/trust-store.ts";
import { testKey } from "../../support/workers/ed25519.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const MONTH_MS = 30 * 86_400_000;
const SKEW_MS = 300_000;

/**
 * A store over an identity that keeps its revocations as the real one does: those since a time, on
 * its own clock.
 */
async function setUp(identityAheadMs = 0) {
  const clock = new VirtualTime();
  const { publicJwk } = await testKey("identity-1");
  const log: { readonly sessionId: string; readonly revokedAtMs: number }[] = [];
  const asked: number[] = [];
  const identity = { hanging: false, failing: false };
  const trust = new TrustStore({
    pull: async (sinceMs) => {
      asked.push(sinceMs);
      if (identity.failing) throw new Error("identity is down");
      if (identity.hanging) await new Promise(() => undefined);
      const revoked = log.filter(({ revokedAtMs }) => revokedAtMs >= sinceMs);
      return {
        keys: [publicJwk],
        revoked,
        nextSinceMs: Math.max(sinceMs, (log.at(-1)?.revokedAtMs ?? -1) + 1),
        more: false,
      };
    },
    now: clock.now,
    // Nobody's patience ends here, and whoever polls sees time pass.
    sleep: (ms) => (ms >= 100 ? new Promise(() => undefined) : Promise.resolve(clock.turn(ms))),
    onFailure: () => undefined,
  });
  const look = async (): Promise<void> => {
    const background: Promise<void>[] = [];
    await trust.ensureFresh((work) => void background.push(work));
    await Promise.all(background);
  };
  const revoke = (sessionId: string): void =>
    void log.push({ sessionId, revokedAtMs: clock.now() + identityAheadMs });
  return { clock, trust, look, revoke, asked, identity };
}

describe("whom the gateway believes, after one reading of a clock a month ahead", () => {
  it("is asked for again within seconds, not in a month", async () => {
    const { clock, trust, look, revoke } = await setUp();
    clock.turn(MONTH_MS);
    await look();
    clock.stepBack(MONTH_MS);
    await look();
    revoke("s-1");
    clock.turn(15_000);
    await look();
    expect(trust.isRevoked("s-1")).toBe(true);
  });

  it("are no revoked sessions whose tokens still live", async () => {
    const { clock, trust, look, revoke } = await setUp();
    await look();
    revoke("s-1");
    clock.turn(5_000);
    await look();
    clock.turn(MONTH_MS);
    await look();
    expect(trust.isRevoked("s-1")).toBe(true);
    clock.stepBack(MONTH_MS);
    await look();
    expect(trust.isRevoked("s-1")).toBe(true);
  });

  it("is asked for though a pull was under way when its request was dropped", async () => {
    const { clock, trust, look, revoke, asked, identity } = await setUp();
    await look();
    clock.turn(MONTH_MS);
    identity.hanging = true;
    void trust.ensureFresh(() => undefined);
    identity.hanging = false;
    clock.stepBack(MONTH_MS);
    revoke("s-1");
    const before = asked.length;
    for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 5_000) {
      clock.turn(5_000);
      await look();
    }
    expect([trust.isRevoked("s-1"), asked.length > before]).toEqual([true, true]);
  });
});

describe("a revoked session", () => {
  it.each([-SKEW_MS, SKEW_MS])(
    "stays revoked for as long as its tokens live, with identity's clock %d ms off",
    async (aheadMs) => {
      const { clock, trust, look, revoke } = await setUp(aheadMs);
      await look();
      revoke("s-1");
      // A token made just before lives ten minutes of identity's clock, so at most fifteen of ours.
      for (let waitedMs = 5_000; waitedMs < 900_000; waitedMs += 5_000) {
        clock.turn(5_000);
        await look();
        expect(trust.isRevoked("s-1")).toBe(true);
      }
      clock.turn(600_000);
      expect(trust.isRevoked("s-1")).toBe(false);
    },
  );
});

describe("sessions that have ended", () => {
  it("are known by a word that is young enough, and asked for where it isn't", async () => {
    const { clock, trust, revoke, asked } = await setUp();
    await trust.ended([], 2_000);
    revoke("s-1");
    clock.turn(2_000);
    expect(await trust.ended(["s-1", "s-2"], 2_000)).toEqual([]);
    clock.turn(1);
    expect(await trust.ended(["s-1", "s-2"], 2_000)).toEqual(["s-1"]);
    expect(asked.length).toBe(2);
  });

  it("are those of the last word while identity fails, which is not asked by each of a crowd", async () => {
    const { clock, trust, revoke, asked, identity } = await setUp();
    revoke("s-1");
    await trust.ended([], 2_000);
    identity.failing = true;
    clock.turn(12_000);
    expect(await trust.ended(["s-1"], 2_000)).toEqual(["s-1"]);
    expect(await trust.ended(["s-1"], 2_000)).toEqual(["s-1"]);
    expect(asked.length).toBe(2);
  });
});
