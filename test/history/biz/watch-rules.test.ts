import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isToContinue, parseFinishedAt, watchRules } from "../../../src/history/biz/watch-rules.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";

const rules = watchRules({ finishedAt: parseFinishedAt("video=0.9,*=0.95"), startedAtMs: 10 });
const BY_RULE: Partial<HistoryRecord> = { watched: null, dismissed: false, deleted: false, rawAtMs: null };
const of = (more: Partial<HistoryRecord>): HistoryRecord => recordOf({ ...BY_RULE, ...more });

describe("an item is watched", () => {
  it.each([
    ["from its kind's share of a known duration on", { positionMs: 90, durationMs: 100 }, true],
    ["not below it", { positionMs: 89, durationMs: 100 }, false],
    [
      "by all others' share where its kind has none",
      { kind: "audio", positionMs: 94, durationMs: 100 },
      false,
    ],
    ["from that on", { kind: "audio", positionMs: 95, durationMs: 100 }, true],
    ["never by a duration that is unknown", { positionMs: 5_000 }, false],
    ["nor by one of 0, which is unknown", { positionMs: 5_000, durationMs: 0 }, false],
    ["after it has ended", { positionMs: 1, durationMs: 100, event: "ended" as const }, true],
    ["by hand, however far one has come", { positionMs: 1, durationMs: 100, watched: true }, true],
    ["and not by hand, though it has ended", { event: "ended" as const, watched: false }, false],
  ])("%s", (_name, more, expected) => {
    expect(rules.isWatched(of(more))).toBe(expected);
  });
});

describe("what to continue", () => {
  it.each([
    ["is what was started", { positionMs: 10 }, true],
    ["is not what was hardly begun", { positionMs: 9 }, false],
    ["is not what is watched", { positionMs: 95, durationMs: 100 }, false],
    ["is not what has ended", { positionMs: 50, durationMs: 100, event: "ended" as const }, false],
    ["is what is not watched, by hand", { positionMs: 95, durationMs: 100, watched: false }, true],
    ["is not what was dismissed", { positionMs: 50, dismissed: true }, false],
    ["is not what was deleted", { positionMs: 50, deleted: true }, false],
  ])("%s", (_name, more, expected) => {
    expect(isToContinue(of(more), rules)).toBe(expected);
  });

  it("is never watched, whatever the record", () => {
    const any = fc.tuple(anyRecord, fc.option(fc.boolean()), fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(any, ([record, watched, dismissed, deleted]) => {
        const whole = { ...record, ...BY_RULE, watched, dismissed, deleted };
        expect(isToContinue(whole, rules) && rules.isWatched(whole)).toBe(false);
      }),
    );
  });
});

describe("when an item is finished, as a var says it", () => {
  it("is by kind, and for all others", () => {
    expect(parseFinishedAt("video=0.9, audio=.95,a-b_9=1.0,*=1")).toEqual(
      new Map([
        ["video", 0.9],
        ["audio", 0.95],
        ["a-b_9", 1],
        ["*", 1],
      ]),
    );
  });

  it.each([
    ["", /"" is no kind, nor \*/],
    ["video=0.9", /\*=<share> is missing/],
    ["*=0.9,*=0.95", /a kind comes twice/],
    ["video=0.9,video=0.8,*=0.95", /a kind comes twice/],
    ["Video=0.9,*=0.95", /"Video" is no kind/],
    ["*=95", /"\*=95" is no kind=share/],
    ["*=1.1", /is no kind=share/],
    ["*=0", /is no kind=share/],
    ["*=0.0", /is no kind=share/],
    ["*=-0.5", /is no kind=share/],
    ["*=", /is no kind=share/],
    ["*", /is no kind=share/],
    ["*=0.9=0.8", /is no kind=share/],
    ["*=0x1", /is no kind=share/],
    ["*=1e-1", /is no kind=share/],
    [Array.from({ length: 65 }, (_, index) => `k${index}=0.9`).join(","), /more than 64 kinds/],
  ])("refuses %s, saying why", (text, why) => {
    expect(() => parseFinishedAt(text)).toThrow(why);
    expect(() => parseFinishedAt(text)).toThrow(RangeError);
  });
});
