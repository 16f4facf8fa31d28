import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACCESS_TOKEN_TTL_MS } from "../../../src/contracts/internal-request.ts";
import { KeyRing } from "../../../src/identity/biz/key-ring.ts";
import { CLOCK_SKEW_MS } from "../../../src/identity/biz/lifetimes.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { keyTable } from "../support/key-table.ts";
import { plainSecrets, plainVault, readPlainToken } from "../support/plain-parts.ts";

/*
 * Two isolates change the keys at once, on clocks of their own: whatever overtakes whatever, the
 * key that nothing has retired is the one that signs.
 */

const STEP_MS = 20_000;
const WATCHED_MS = ACCESS_TOKEN_TTL_MS + 2 * CLOCK_SKEW_MS;

const turn = fc.record({
  isolate: fc.nat({ max: 1 }),
  change: fc.constantFrom("rotate" as const, "distrust" as const),
  afterMs: fc.constantFrom(0, 1, 40, 9_000, 20_000),
});

interface Token {
  readonly kid: string;
  readonly diesAtMs: number;
}

async function tokenOf(ring: KeyRing, nowMs: number): Promise<Token> {
  const sign = await ring.signer();
  return {
    kid: readPlainToken(await sign({ userId: "ada", sessionId: "s", roles: [], issuedAtMs: 0 })).kid,
    diesAtMs: nowMs + ACCESS_TOKEN_TTL_MS,
  };
}

describe("keys that are changed by two isolates at once", () => {
  it("are followed by the last one alone, and each verifies for as long as its tokens live unless it was distrusted", async () => {
    const skewMs = fc.integer({ min: -60_000, max: 60_000 });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        skewMs,
        fc.array(turn, { minLength: 1, maxLength: 4 }),
        async (scheduler, aheadMs, turns) => {
          const clock = new VirtualTime();
          const { store, all } = keyTable();
          const ring = (offsetMs: number): KeyRing =>
            new KeyRing({
              store,
              vault: {
                ...plainVault,
                generate: scheduler.scheduleFunction((kid: string) => plainVault.generate(kid)),
              },
              secrets: plainSecrets,
              now: () => clock.now() + offsetMs,
              onReplaced: () => undefined,
            });
          const rings = [ring(0), ring(aheadMs)] as const;
          await scheduler.waitFor(rings[0].publicKeys());
          const distrusted = new Set<string>();
          const changes: Promise<unknown>[] = [];
          for (const { isolate, change, afterMs } of turns) {
            clock.turn(afterMs);
            const [oldest] = await all();
            const kid = oldest?.kid ?? "";
            const by = rings[isolate] ?? rings[0];
            if (change === "distrust") distrusted.add(kid);
            changes.push(
              (change === "rotate" ? by.rotate("op") : by.distrust("op", kid)).catch(() => undefined),
            );
          }
          await scheduler.waitFor(Promise.all(changes));
          const tokens: Token[] = [];
          for (let watchedMs = 0; watchedMs < WATCHED_MS; watchedMs += STEP_MS) {
            // Other isolates' lists are young enough from the first step on.
            clock.turn(STEP_MS);
            tokens.push(await tokenOf(rings[0], clock.now()), await tokenOf(rings[1], clock.now()));
            const verifying = (await rings[0].publicKeys()).map(({ kid }) => kid);
            const living = tokens.filter(({ diesAtMs }) => diesAtMs > clock.now());
            expect(living.filter(({ kid }) => !verifying.includes(kid))).toEqual([]);
          }
          const unretired = (await all())
            .filter(({ verifyUntilMs }) => verifyUntilMs === null)
            .map(({ kid }) => kid);
          expect(unretired).toEqual([tokens.at(-1)?.kid]);
          expect(tokens.slice(-20).map(({ kid }) => kid)).toEqual(
            Array.from({ length: 20 }, () => unretired[0]),
          );
          expect(tokens.filter(({ kid }) => distrusted.has(kid))).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("are ordered as they were committed, whatever their clocks say", async () => {
    const clock = new VirtualTime();
    const { store, all } = keyTable();
    const ring = (aheadMs: number): KeyRing =>
      new KeyRing({
        store,
        vault: plainVault,
        secrets: plainSecrets,
        now: () => clock.now() + aheadMs,
        onReplaced: () => undefined,
      });
    const [ahead, behind] = [ring(30 * 86_400_000), ring(0)];
    await behind.publicKeys();
    await ahead.rotate("op");
    const { kid } = await behind.rotate("op");
    expect((await all()).at(-1)).toMatchObject({ kid, verifyUntilMs: null });
    clock.turn(60_000);
    expect((await tokenOf(behind, 0)).kid).toBe(kid);
  });
});
