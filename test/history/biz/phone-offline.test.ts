import { describe, expect, it } from "vitest";
import { dateReports } from "../../../src/contracts/date-reports.ts";
import type { Entry } from "../../../src/contracts/history.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { historyOver } from "../support/history-over.ts";

/*
 * What sentAt is for: a phone that was offline for a week, and whose clock is two hours slow, sends
 * 500 reports while a television has moved on.
 */

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
const SLOW_MS = 2 * HOUR_MS + 1_730;
/** What a request may be on its way. */
const LATENCY_MS = 900;
const REPORTS = 500;
const PER_CALL = 100;
const ITEMS = 60;
/** Corrected times are off by a step and a latency: closer, nobody knows who was later. */
const CLOSE_MS = 6_000;

interface Watched {
  readonly itemId: string;
  readonly positionMs: number;
  readonly trueMs: number;
}

function watched(random: () => number, count: number, fromMs: number): readonly Watched[] {
  return Array.from({ length: count }, () => ({
    itemId: `film-${Math.floor(random() * ITEMS)}`,
    positionMs: 10_000 + Math.floor(random() * 1_000_000),
    trueMs: fromMs + Math.floor(random() * WEEK_MS),
  })).toSorted((a, b) => a.trueMs - b.trueMs);
}

const lastOf = (all: readonly Watched[]): ReadonlyMap<string, Watched> =>
  new Map(all.map((one) => [one.itemId, one]));

describe.each(Array.from({ length: 20 }, (_, seed) => seed))(
  "a phone that was offline for a week, its clock 2 h slow (seed %d)",
  (seed) => {
    it("loses to what was truly later and to nothing else, learns each loser, and may send it all again", async () => {
      const of = historyOver();
      const random = mulberry32(seed);
      const fromMs = of.clock.now();
      const onTv = watched(random, 300, fromMs);
      const lastOnTv = lastOf(onTv);
      const onPhone = watched(random, REPORTS, fromMs).filter(
        ({ itemId, trueMs }) => Math.abs(trueMs - (lastOnTv.get(itemId)?.trueMs ?? 0)) > CLOSE_MS,
      );
      let shard = of.start();
      for (const { trueMs, ...report } of onTv) {
        of.clock.turn(trueMs - of.clock.now());
        await shard.report("ada", [
          { kind: "video", event: "playing", deviceId: "tv", ...report, at: of.clock.now() },
        ]);
      }
      of.clock.turn(fromMs + WEEK_MS - of.clock.now());
      await of.writeBack(shard);
      // Nothing of it is in memory when the phone comes.
      shard = of.start();

      const send = async (): Promise<ReadonlyMap<string, Entry>> => {
        const winners = new Map<string, Entry>();
        for (let from = 0; from < onPhone.length; from += PER_CALL) {
          const reports = onPhone.slice(from, from + PER_CALL).map(({ trueMs, ...report }) => ({
            kind: "video",
            event: "playing" as const,
            deviceId: "phone",
            ...report,
            at: trueMs - SLOW_MS,
          }));
          of.clock.turn(1_234);
          const sentAt = of.clock.now() - SLOW_MS - Math.floor(random() * LATENCY_MS);
          const dated = dateReports(reports, of.clock.now(), sentAt);
          const receipt = await shard.report("ada", dated);
          expect(receipt).toMatchObject({ accepted: reports.length, ignored: 0 });
          for (const entry of receipt.superseded ?? []) winners.set(entry.itemId, entry);
        }
        return winners;
      };
      const winners = await send();

      const lastOnPhone = lastOf(onPhone);
      const expected = new Map([...lastOnTv, ...lastOnPhone]);
      const tvWins = new Set<string>();
      for (const [itemId, tv] of lastOnTv) {
        const phone = lastOnPhone.get(itemId);
        if (phone !== undefined && phone.trueMs > tv.trueMs) continue;
        expected.set(itemId, tv);
        if (phone !== undefined) tvWins.add(itemId);
      }
      const { items } = await shard.list("ada", { limit: 100 });
      expect(new Map(items.map(({ itemId, positionMs }) => [itemId, positionMs]))).toEqual(
        new Map(Array.from(expected, ([itemId, { positionMs }]) => [itemId, positionMs])),
      );
      expect(tvWins.size).toBeGreaterThan(5);
      const lost = [...tvWins];
      expect([...winners.keys()]).toEqual(expect.arrayContaining(lost));
      for (const itemId of lost)
        expect(winners.get(itemId)).toEqual(items.find((entry) => entry.itemId === itemId));

      of.clock.turn(HOUR_MS);
      await send();
      expect((await shard.list("ada", { limit: 100 })).items).toEqual(items);
      await of.writeBack(shard);
      expect((await of.start().list("ada", { limit: 100 })).items).toEqual(items);
    });
  },
);
