import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  datedReportSchema,
  PLAYBACK_EVENTS,
  POSITION_MS_MAX,
  reportSchema,
} from "../../src/contracts/history.ts";
import { plainDatedReport, plainReport } from "../../src/contracts/plain-report.ts";

const names = fc.constantFrom(
  "video",
  "Video",
  "",
  "a-b_9",
  "x".repeat(17),
  "film",
  "..",
  ".",
  "a.b:c",
  "a/b",
  7,
  null,
);
const numbers = fc.constantFrom(
  0,
  -0,
  -1,
  1.5,
  61_000,
  POSITION_MS_MAX,
  POSITION_MS_MAX + 1,
  NaN,
  Infinity,
  2 ** 53,
  "1",
  null,
);
const times = fc.constantFrom(
  Date.UTC(2015, 0),
  Date.UTC(2015, 0) - 1,
  1_795_408_805_919,
  2 ** 53,
  "now",
  null,
);
const devices = fc.constantFrom("tv-1", "", "a b", "\u00e9", "~".repeat(64), "~".repeat(65), 3);
const reports = fc.record(
  {
    kind: names,
    itemId: names,
    positionMs: numbers,
    durationMs: fc.oneof(numbers, fc.constant(undefined)),
    event: fc.constantFrom(...PLAYBACK_EVENTS, "slept", undefined, null, 1),
    deviceId: fc.oneof(devices, fc.constant(undefined)),
    at: fc.oneof(times, fc.constant(undefined)),
    rawAt: fc.oneof(times, fc.constant(undefined)),
    later: fc.constant(true),
  },
  { requiredKeys: ["kind", "itemId", "positionMs"] },
);

describe("a report that is told good without its schema", () => {
  it("is what the schema would have made of it, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 20, arbitrary: reports }, fc.anything()), (given) => {
        const plain = plainReport(given);
        if (plain === null) return;
        expect(reportSchema.safeParse(given)).toEqual({ success: true, data: plain });
      }),
      { numRuns: 20_000 },
    );
  });

  it("is so between workers too, with what its client's clock said", () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 20, arbitrary: reports }, fc.anything()), (given) => {
        const plain = plainDatedReport(given);
        if (plain === null) return;
        expect(datedReportSchema.safeParse(given)).toEqual({ success: true, data: plain });
      }),
      { numRuns: 20_000 },
    );
    const sent = { kind: "video", itemId: "movie-1", positionMs: 61_000, event: "ended" };
    const dated = { ...sent, at: 1_795_408_805_919, rawAt: 1_795_408_800_000 };
    expect(plainDatedReport(dated)).toEqual(dated);
    expect(plainDatedReport(sent)).toEqual(sent);
  });

  it("is every one that players send", () => {
    const sent = { kind: "video", itemId: "movie-1", positionMs: 61_000 };
    for (const more of [
      {},
      { durationMs: 596_000 },
      { event: "ended", deviceId: "tv-1", at: 1_795_408_805_919 },
    ])
      expect(plainReport({ ...sent, ...more })).toEqual({ event: "playing", ...sent, ...more });
  });
});
