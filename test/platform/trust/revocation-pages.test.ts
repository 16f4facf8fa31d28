import { describe, expect, it } from "vitest";
import { TrustStore } from "../../../src/platform/trust/trust-store.ts";
import { testKey } from "../../support/workers/ed25519.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const PAGES = 25;

/** An identity whose list of revoked sessions has so many pages, a session each. */
async function longList(pages = PAGES) {
  const clock = new VirtualTime();
  const { publicJwk } = await testKey("identity-1");
  const asked: number[] = [];
  const identity = { failsAt: -1, hangsAt: -1 };
  const trust = new TrustStore({
    pull: async (sinceMs) => {
      asked.push(sinceMs);
      if (sinceMs === identity.failsAt) throw new Error("identity is away");
      if (sinceMs === identity.hangsAt) await new Promise(() => undefined);
      const revoked = sinceMs < pages ? [{ sessionId: `s-${sinceMs}`, revokedAtMs: sinceMs }] : [];
      return {
        keys: [publicJwk],
        revoked,
        nextSinceMs: Math.min(pages, sinceMs + 1),
        more: sinceMs < pages - 1,
      };
    },
    now: clock.now,
    sleep: (ms) => (ms >= 100 ? new Promise(() => undefined) : Promise.resolve(clock.turn(ms))),
    onFailure: () => undefined,
  });
  const background: Promise<void>[] = [];
  const request = async (): Promise<void> => trust.ensureFresh((work) => void background.push(work));
  const known = (): number =>
    Array.from({ length: pages }, (_, page) => trust.isRevoked(`s-${page}`)).filter(Boolean).length;
  return { clock, trust, asked, identity, request, background, known };
}

describe("a list of more pages than a request reads", () => {
  it("is read on beside the request, to its end", async () => {
    const { request, background, known } = await longList();
    await request();
    expect(known()).toBe(20);
    await Promise.all(background);
    expect(known()).toBe(PAGES);
  });

  it("is not taken for read before its end: a later request goes on, though what ran beside the first was dropped", async () => {
    const { request, identity, known } = await longList();
    identity.hangsAt = 20;
    await request();
    // Waits for what was dropped, for as long as it would be given.
    await request();
    expect(known()).toBe(20);
    identity.hangsAt = -1;
    await request();
    expect(known()).toBe(PAGES);
  });

  it("is read once, and then no more until it is stale", async () => {
    const { request, background, asked } = await longList();
    await request();
    await Promise.all(background);
    const read = asked.length;
    for (let count = 0; count < 10; count += 1) await request();
    expect([read, asked.length]).toEqual([PAGES, PAGES]);
  });

  it("of hundreds costs no request more than twenty pages and what runs beside it as many", async () => {
    const { request, background, asked, known } = await longList(200);
    for (let count = 1; known() < 200 && count <= 10; count += 1) {
      await request();
      await Promise.all(background);
      expect(asked.length).toBeLessThanOrEqual(count * 40);
    }
    expect(asked).toHaveLength(200);
  });

  it("is read from where it broke off", async () => {
    const { clock, request, background, identity, asked, known } = await longList();
    identity.failsAt = 7;
    await request();
    identity.failsAt = -1;
    clock.turn(1_500);
    await request();
    await Promise.all(background);
    clock.turn(5_000);
    await request();
    await Promise.all(background);
    expect(known()).toBe(PAGES);
    expect(asked.filter((sinceMs) => sinceMs < 7)).toHaveLength(7);
  });
});
