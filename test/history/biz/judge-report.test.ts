import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeReport } from "../../../src/history/biz/judge-report.ts";
import { comparePositions, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { RULES } from "../support/shard-parts.ts";

const T0 = 1_700_000_000_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const FILM_MS = 2 * HOUR;

const at = (atMs: number, more: Partial<HistoryRecord> = {}): HistoryRecord =>
  recordOf({ atMs, rev: atMs * 1024, deviceId: "tv", ...more });
const judge = (known: HistoryRecord | undefined, report: HistoryRecord) => judgeReport(known, report, RULES);

describe("a report", () => {
  it("is taken where nothing is known of its item", () => {
    expect(judge(undefined, at(T0))).toEqual({ put: at(T0) });
  });

  it("wins where it is later, and loses to the entry that is", () => {
    const known = at(T0, { deviceId: "phone" });
    expect(judge(known, at(T0 + 1))).toEqual({ put: at(T0 + 1) });
    expect(judge(known, at(T0 - 1))).toEqual({ wonBy: known });
  });

  it("of the same time wins by its arrival", () => {
    const known = at(T0, { deviceId: "phone" });
    const later = at(T0, { rev: known.rev + 1 });
    expect(judge(known, later)).toEqual({ put: later });
  });

  it("that is older than a deletion loses, and there is no entry that won", () => {
    expect(judge(at(T0, { deleted: true }), at(T0 - HOUR))).toEqual({});
  });

  it("that is newer than a deletion makes the item an entry again", () => {
    const again = at(T0 + HOUR);
    expect(judge(at(T0, { deleted: true, deviceId: "phone" }), again)).toEqual({ put: again });
  });

  it("that knows the duration which the entry doesn't gives it, under a revision of its own", () => {
    const known = at(T0, { deviceId: "phone" });
    const report = at(T0 - HOUR, { durationMs: FILM_MS, rev: known.rev + 5 });
    expect(judge(known, report)).toEqual({
      put: { ...known, durationMs: FILM_MS, rev: report.rev },
      wonBy: known,
    });
  });
});

describe("the same report again", () => {
  const report = at(T0, { rawAtMs: T0 - HOUR, positionMs: 5_000 });

  it.each([
    ["an entry", {}],
    ["a tombstone", { deleted: true, atMs: T0 + HOUR }],
    ["an entry marked by hand", { watched: true, atMs: T0 + HOUR }],
  ] as const)("changes nothing of %s that comes from it, however it is dated now", (_what, more) => {
    const known = { ...report, ...more };
    fc.assert(
      fc.property(fc.integer({ min: -30 * 24 * HOUR, max: 30 * 24 * HOUR }), (shiftMs) => {
        const atMs = T0 + shiftMs;
        expect(judge(known, { ...report, atMs, rev: known.rev + 1 })).toEqual({});
      }),
    );
  });

  it("is another one where device, time, position or event differ", () => {
    const others: Partial<HistoryRecord>[] = [
      { deviceId: "phone" },
      { rawAtMs: T0 - HOUR + 1 },
      { positionMs: 5_001 },
      { event: "paused" },
    ];
    for (const other of others) {
      const later = { ...report, ...other, atMs: T0 + HOUR, rev: report.rev + 1 };
      expect(judge(report, later)).toEqual({ put: later });
    }
  });
});

describe("an earlier report of the same device", () => {
  const known = at(T0, { rawAtMs: T0 - HOUR });

  it("loses though it is dated later, as one may be that is sent again", () => {
    const earlier = at(T0 + 5_000, { rawAtMs: T0 - HOUR - 10_000 });
    expect(judge(known, earlier)).toEqual({ wonBy: known });
  });

  it("is a later one where the device's clock was set back by more than a minute", () => {
    const later = at(T0 + 10_000, { rawAtMs: T0 - HOUR - MINUTE - 1 });
    expect(judge(known, later)).toEqual({ put: later });
  });

  it("is nobody's where none is named: then only times count", () => {
    const nameless = { ...known, deviceId: null };
    const later = at(T0 + 5_000, { rawAtMs: T0 - HOUR - 10_000, deviceId: null });
    expect(judge(nameless, later)).toEqual({ put: later });
  });
});

describe("a report on a finished item", () => {
  const ended = at(T0, { event: "ended", positionMs: 50_000 });
  const atTheEnd = at(T0, { positionMs: FILM_MS - 1_000, durationMs: FILM_MS });

  it("starts it again", () => {
    const again = at(T0 + HOUR, { positionMs: 0 });
    expect(judge(ended, again)).toEqual({ put: again });
    expect(judge(atTheEnd, again)).toEqual({ put: { ...again, durationMs: FILM_MS } });
  });

  it("changes nothing where it says the same place, as players do once more after the end", () => {
    expect(judge(ended, at(T0 + 500, { event: "paused", positionMs: 50_200 }))).toEqual({});
    const short = at(T0, { event: "ended", positionMs: 10_000, durationMs: 10_000 });
    expect(judge(short, at(T0 + 500, { event: "paused", positionMs: 9_000 }))).toEqual({});
  });

  it("is taken at the same place where the item stays finished by it", () => {
    const still = at(T0 + 500, { positionMs: FILM_MS - 500, durationMs: FILM_MS });
    expect(judge(atTheEnd, still)).toEqual({ put: still });
  });

  it("is taken from another place near the end", () => {
    const back = at(T0 + 500, { positionMs: 50_000 + 5_001 });
    expect(judge(ended, back)).toEqual({ put: back });
  });

  it("is taken where somebody said by hand what it is", () => {
    const paused = at(T0 + 500, { event: "paused", positionMs: 50_200 });
    expect(judge({ ...ended, watched: true }, paused)).toEqual({ put: paused });
  });
});

describe("reports of several devices, each once", () => {
  const anyReport = fc.record({
    atMs: fc.integer({ min: T0, max: T0 + 50 }),
    deviceId: fc.constantFrom("tv", "phone", null),
    positionMs: fc.integer({ min: 0, max: 3 }).map((hours) => hours * HOUR),
  });

  it("leave the latest in whatever order they come, where each device sends its own in order", () => {
    fc.assert(
      fc.property(fc.array(anyReport, { minLength: 1, maxLength: 12 }), (reports) => {
        let known: HistoryRecord | undefined;
        const records = reports.map((report, index) =>
          at(report.atMs, { ...report, rev: T0 * 1024 + index }),
        );
        for (const record of records) known = judge(known, record).put ?? known;
        const latest = records.toSorted(comparePositions).at(-1);
        expect(known?.atMs).toBe(latest?.atMs);
      }),
    );
  });
});
