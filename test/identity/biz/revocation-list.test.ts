import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REVOCATIONS_PER_PULL_MAX } from "../../../src/contracts/revocations-per-pull.ts";
import { ACCESS_TOKEN_TTL_MS } from "../../../src/contracts/internal-request.ts";
import { CLOCK_SKEW_MS, REVOCATION_OVERLAP_MS } from "../../../src/identity/biz/lifetimes.ts";
import { pullRevocations } from "../../../src/identity/biz/revocation-list.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { MemoryRevocations } from "../support/memory-stores.ts";

/**
 * Pulls as a gateway does: page after page until there is no more, each page strictly behind the
 * one before.
 */
async function pullAll(
  store: MemoryRevocations,
  now: () => number,
  fromMs: number,
  seen: Set<string>,
): Promise<number> {
  let sinceMs = fromMs;
  for (let page = 0; ; page += 1) {
    const pulled = await pullRevocations(store, now, sinceMs);
    expect(pulled.revoked.length).toBeLessThanOrEqual(REVOCATIONS_PER_PULL_MAX);
    for (const { sessionId } of pulled.revoked) seen.add(sessionId);
    expect(!pulled.more || pulled.nextSinceMs > sinceMs).toBe(true);
    sinceMs = pulled.nextSinceMs;
    if (!pulled.more) return sinceMs;
    expect(page).toBeLessThan(100);
  }
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("revoke" as const),
        count: fc.integer({ min: 1, max: 1_400 }),
        skewMs: fc.integer({ min: -4_000, max: 4_000 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("turn" as const), ms: fc.integer({ min: 0, max: 8_000 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("pull" as const) }) },
  ),
  { maxLength: 24 },
);

describe("the revocation list", () => {
  it("gives every session to a gateway that keeps pulling, whatever the clocks and however many share a moment", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const clock = new VirtualTime();
        const store = new MemoryRevocations();
        const seen = new Set<string>();
        let sinceMs = 0;
        for (const step of taken) {
          if (step.kind === "turn") clock.turn(step.ms);
          else if (step.kind === "pull") sinceMs = await pullAll(store, clock.now, sinceMs, seen);
          else
            for (let n = 0; n < step.count; n += 1)
              store.revoke(`s-${store.log.length}`, clock.now() + step.skewMs);
        }
        await pullAll(store, clock.now, sinceMs, seen);
        expect(seen.size).toBe(store.log.length);
      }),
      { numRuns: 60 },
    );
  });

  it("forgets what no token can be signed under any more", async () => {
    const clock = new VirtualTime();
    const store = new MemoryRevocations();
    store.revoke("old", clock.now());
    clock.turn(ACCESS_TOKEN_TTL_MS);
    expect((await pullRevocations(store, clock.now, 0)).revoked).toHaveLength(1);
    clock.turn(CLOCK_SKEW_MS + 1);
    expect(await pullRevocations(store, clock.now, 0)).toEqual({ revoked: [], nextSinceMs: 0, more: false });
  });

  it("reaches back a little after a fresh revocation, and no further than it after an old one", async () => {
    const clock = new VirtualTime();
    const store = new MemoryRevocations();
    store.revoke("s", clock.now());
    expect((await pullRevocations(store, clock.now, 0)).nextSinceMs).toBe(
      clock.now() - REVOCATION_OVERLAP_MS,
    );
    const revokedAtMs = clock.now();
    clock.turn(60_000);
    const { nextSinceMs } = await pullRevocations(store, clock.now, 0);
    expect(nextSinceMs).toBe(revokedAtMs + 1);
    expect((await pullRevocations(store, clock.now, nextSinceMs)).revoked).toEqual([]);
  });

  it("brings back to the present a gateway that asks from the future", async () => {
    const clock = new VirtualTime();
    const { nextSinceMs } = await pullRevocations(new MemoryRevocations(), clock.now, clock.now() + 1e9);
    expect(nextSinceMs).toBeLessThan(clock.now());
  });
});
