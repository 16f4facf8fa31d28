import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dateReports } from "../../../src/contracts/date-reports.ts";
import type { DatedReport, Report } from "../../../src/contracts/history.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { historyOver } from "../support/history-over.ts";

/*
 * What is promised of a report that comes again, at any later moment:
 *
 * 1. Dated as the first time, as it is where a client's clock is right or says with each call by
 *    how much it is off, it changes nothing, whatever has been reported, deleted, marked or cleared
 *    since; provided that no other report on its item has the very same time.
 * 2. Dated in any other way it changes nothing as long as the newest state of its item comes from
 *    it: itself, or the tombstone or the mark that has taken its place.
 * 3. The same holds of an earlier report of the same device, by its own clock up to a minute before
 *    that one.
 *
 * What is not: of reports on one item with one time the later arrival wins, also the second time;
 * a client whose clock is ahead, and who doesn't say so, has each call dated anew; what was ignored
 * in a pause before the last, or changed nothing since its item had ended at its place, is not
 * remembered; nor is what was deleted, thirty days after that or once it is marked as watched anew.
 */

const USER = "ada";
const ITEMS = ["film", "series"];
const DEVICES = { tv: 0, phone: -7_200_000, tablet: 35_000 };
type Device = keyof typeof DEVICES;
const PLACE_MS = 10_000;

const report = fc.record({
  what: fc.constant("report" as const),
  itemId: fc.constantFrom(...ITEMS),
  deviceId: fc.constantFrom<Device>("tv", "phone", "tablet"),
  event: fc.constantFrom("playing" as const, "paused" as const, "ended" as const),
  lateMs: fc.constantFrom(0, 0, 0, 20_000, 600_000),
});
const itemId = fc.constantFrom(...ITEMS);
const remove = fc.record({ what: fc.constant("remove" as const), itemId });
const mark = fc.record({ what: fc.constant("mark" as const), itemId });
const clear = fc.constant({ what: "clear" as const });
/** What changes nothing of a history, but where it is. */
const move = fc.constantFrom({ what: "write back" as const }, { what: "restart" as const });

type ActOf<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Act = ActOf<typeof report | typeof remove | typeof mark | typeof clear | typeof move>;

/** Another item's report is shown: it is not since nothing is taken that all is as before. */
async function expectGoesOn(shard: Shard, before: unknown): Promise<void> {
  const other = { kind: "video", itemId: "other", positionMs: PLACE_MS, event: "playing" } as const;
  await shard.report(USER, [other]);
  expect(await stateOf(shard)).not.toEqual(before);
}

interface Sent {
  readonly report: Report;
  readonly dated: readonly DatedReport[];
}

async function stateOf(shard: Shard): Promise<unknown> {
  const { changes, cursor } = await shard.changes(USER, { limit: 100 });
  return { changes, cursor, entries: await shard.exportAll(USER) };
}

/** Does what happens; answers all reports in the order in which they were sent. */
async function live(acts: readonly Act[]) {
  const history = historyOver();
  const { clock, start, writeBack } = history;
  let shard = start();
  const sent: Sent[] = [];
  for (const [number, one] of acts.entries()) {
    clock.turn(7_001);
    if (one.what === "report") {
      const { itemId, deviceId, event, lateMs } = one;
      const nowMs = clock.now();
      const given: Report = {
        kind: "video",
        itemId,
        positionMs: (number + 1) * PLACE_MS,
        event,
        deviceId,
        at: nowMs - lateMs - number + DEVICES[deviceId],
      };
      const dated = dateReports([given], nowMs, nowMs + DEVICES[deviceId]);
      await shard.report(USER, dated);
      sent.push({ report: given, dated });
    } else if (one.what === "remove") await shard.remove(USER, { kind: "video", itemId: one.itemId });
    else if (one.what === "mark")
      await shard.mark(USER, { kind: "video", itemId: one.itemId }, { watched: true });
    else if (one.what === "write back") await writeBack(shard);
    else if (one.what === "restart") shard = start();
    else shard.clear(USER);
  }
  return { ...history, shard, sent };
}

describe("a report that comes again", () => {
  it("changes nothing where it is dated as before, whatever has happened since", async () => {
    await fc.assert(
      fc.asyncProperty(
        report,
        fc.array(
          fc.oneof({ weight: 6, arbitrary: report }, remove, mark, clear, { weight: 2, arbitrary: move }),
          { maxLength: 11 },
        ),
        fc.nat(),
        async (first, acts, which) => {
          const { shard, sent, clock } = await live([first, ...acts]);
          const again = sent[which % sent.length];
          if (again === undefined) throw new Error("nothing was reported");
          clock.turn(3_600_000);
          const before = await stateOf(shard);
          const { accepted } = await shard.report(USER, again.dated);
          expect(accepted).toBe(1);
          expect(await stateOf(shard)).toEqual(before);
          await expectGoesOn(shard, before);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("changes nothing however it is dated, while what it said stands, is deleted or marked", async () => {
    await fc.assert(
      fc.asyncProperty(
        report,
        fc.array(fc.oneof(mark, move), { maxLength: 3 }),
        // Marked as watched once more, it begins anew.
        fc.array(fc.oneof(remove, move), { maxLength: 2 }),
        fc.integer({ min: -86_400_000, max: 86_400_000 }),
        async (first, marks, removals, offMs) => {
          const { shard, sent, clock } = await live([{ ...first, lateMs: 0 }, ...marks, ...removals]);
          const [again] = sent;
          if (again === undefined) throw new Error("nothing was reported");
          clock.turn(3_600_000);
          const before = await stateOf(shard);
          await shard.report(USER, dateReports([again.report], clock.now(), clock.now() + offMs));
          expect(await stateOf(shard)).toEqual(before);
          await expectGoesOn(shard, before);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("changes nothing however it is dated, where its device has said more within a minute", async () => {
    await fc.assert(
      fc.asyncProperty(
        report,
        fc.integer({ min: 1, max: 60_000 }),
        fc.integer({ min: -86_400_000, max: 86_400_000 }),
        async (later, earlierMs, offMs) => {
          const { shard, sent, clock } = await live([{ ...later, lateMs: 0 }]);
          const known = sent[0]?.report;
          if (known?.at === undefined) throw new Error("nothing was reported");
          const before = await stateOf(shard);
          const earlier = { ...known, positionMs: 5 * PLACE_MS, at: known.at - earlierMs };
          const dated = dateReports([earlier], clock.now(), clock.now() + offMs);
          const { superseded } = await shard.report(USER, dated);
          expect(superseded?.map(({ positionMs }) => positionMs)).toEqual([known.positionMs]);
          expect(await stateOf(shard)).toEqual(before);
        },
      ),
      { numRuns: 100 },
    );
  });
});
