import { describe, expect, it } from "vitest";
import { REPORTS_PER_CALL_MAX } from "../../../src/contracts/history.ts";
import { readReportBatch } from "../../../src/contracts/report-batch.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { exponential, lognormal, zipf } from "../../../testbed/viewing/draws.ts";
import type { TraceReport } from "../../../testbed/viewing/session.ts";
import { VIEWING } from "../../../testbed/viewing/viewing.ts";
import { viewingTrace } from "../../../testbed/viewing/viewing-trace.ts";

const LENGTH_MS = 30 * 60_000;
const VIEWERS = 2_000;
const trace = viewingTrace({ seed: 16, viewers: VIEWERS, lengthMs: LENGTH_MS });
const reports = trace.flatMap(({ reports: own }) => own);
const shareOf = (...whys: readonly TraceReport["why"][]): number =>
  reports.filter(({ why }) => whys.includes(why)).length / reports.length;

describe("a trace of viewing", () => {
  it("is the same for the same seed, and another for another", () => {
    const few = { viewers: 50, lengthMs: LENGTH_MS };
    const first = viewingTrace({ ...few, seed: 1 });
    expect(viewingTrace({ ...few, seed: 1 })).toEqual(first);
    expect(viewingTrace({ ...few, seed: 2 })).not.toEqual(first);
  });

  it("has the same calls of the first viewers when there are more of them", () => {
    const of = (viewers: number) =>
      viewingTrace({ seed: 3, viewers, lengthMs: LENGTH_MS }).filter(({ viewer }) => viewer < 20);
    expect(of(40)).toEqual(of(20));
  });

  it("is in the order of sending, within its length, and begins and ends at full strength", () => {
    const sentAtMs = trace.map((request) => request.sentAtMs);
    expect(sentAtMs).toEqual(sentAtMs.toSorted((a, b) => a - b));
    expect(sentAtMs[0]).toBeGreaterThanOrEqual(0);
    expect(sentAtMs.at(-1)).toBeLessThan(LENGTH_MS);
    const within = (fromMs: number): number =>
      sentAtMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + LENGTH_MS / 10).length;
    const [begin, end] = [within(0), within(LENGTH_MS * 0.9)];
    expect(Math.min(begin, end)).toBeGreaterThan(trace.length * 0.08);
    expect(Math.max(begin, end)).toBeLessThan(trace.length * 0.12);
  });

  it("is mostly heartbeats, with pauses, seeks and ends among them", () => {
    expect(shareOf("heartbeat")).toBeGreaterThan(0.88);
    // A seek every six minutes, beside a heartbeat every ten seconds.
    const perSeek = VIEWING.seekEveryMs / VIEWING.heartbeatMs;
    expect(shareOf("seek") * perSeek).toBeGreaterThan(0.8);
    expect(shareOf("seek") * perSeek).toBeLessThan(1.1);
    const perPause = VIEWING.pauseEveryMs / VIEWING.heartbeatMs;
    expect(shareOf("pause") * perPause).toBeGreaterThan(0.8);
    expect(shareOf("pause") * perPause).toBeLessThan(1.1);
    expect(shareOf("ended")).toBeGreaterThan(0.001);
  });

  it("pauses where it reports a pause, and is silent until it goes on", () => {
    const pauses: { readonly lastedMs: number; readonly movedMs: number }[] = [];
    const beatsApartMs: number[] = [];
    const last = new Map<string, TraceReport>();
    for (const { viewer, isLate, reports: own } of trace)
      for (const report of isLate ? [] : own) {
        const player = `${viewer} ${report.deviceId}`;
        const before = last.get(player) ?? report;
        const apartMs = report.watchedAtMs - before.watchedAtMs;
        if (before.why === "pause" && report.why === "resumed")
          pauses.push({ lastedMs: apartMs, movedMs: report.positionMs - before.positionMs });
        if (before !== report && report.why === "heartbeat") beatsApartMs.push(apartMs);
        last.set(player, report);
      }
    expect(pauses.filter(({ movedMs }) => movedMs !== 0)).toEqual([]);
    expect(beatsApartMs.length).toBeGreaterThan(trace.length / 2);
    expect(beatsApartMs.filter((apartMs) => apartMs < VIEWING.heartbeatMs - 1)).toEqual([]);
    const lasting = pauses.map(({ lastedMs }) => lastedMs).sort((a, b) => a - b);
    const medianMs = lasting[Math.floor(lasting.length / 2)] ?? 0;
    expect(medianMs / VIEWING.pauseMedianMs).toBeGreaterThan(0.8);
    expect(medianMs / VIEWING.pauseMedianMs).toBeLessThan(1.2);
  });

  it("has two devices at once of a tenth of the viewers, half of them on the same item", () => {
    const players = new Map<number, Map<string, Set<string>>>();
    for (const { viewer, reports: own } of trace)
      for (const { deviceId, itemId } of own) {
        const devices = players.get(viewer) ?? new Map<string, Set<string>>();
        players.set(viewer, devices);
        devices.set(deviceId, (devices.get(deviceId) ?? new Set()).add(itemId));
      }
    const two = [...players.values()].filter(({ size }) => size === 2);
    expect(two.length / players.size).toBeGreaterThan(0.08);
    expect(two.length / players.size).toBeLessThan(0.12);
    const same = two.filter((devices) => {
      const [a, b] = [...devices.values()];
      return [...(a ?? [])].some((item) => b?.has(item));
    });
    expect(same.length / two.length).toBeGreaterThan(0.4);
    expect(same.length / two.length).toBeLessThan(0.65);
  });

  it("delivers what phones kept offline later, in batches of up to a hundred", () => {
    const late = trace.filter(({ isLate }) => isLate);
    const sizes = late.map(({ reports: own }) => own.length);
    expect(Math.max(...sizes)).toBe(REPORTS_PER_CALL_MAX);
    expect(VIEWING.batchMax).toBe(REPORTS_PER_CALL_MAX);
    const share = sizes.reduce((sum, size) => sum + size, 0) / reports.length;
    expect(share).toBeGreaterThan(0.02);
    expect(share).toBeLessThan(0.06);
    for (const { sentAtMs, reports: own } of late) {
      expect(own.every(({ watchedAtMs }) => watchedAtMs <= sentAtMs)).toBe(true);
      expect(own.map(({ watchedAtMs }) => watchedAtMs)).toEqual(
        own.map(({ watchedAtMs }) => watchedAtMs).toSorted((a, b) => a - b),
      );
    }
    expect(
      late.some(({ sentAtMs, reports: [first] }) => sentAtMs - (first?.watchedAtMs ?? 0) > 600_000),
    ).toBe(true);
    const atOnce = trace.filter(({ isLate }) => !isLate);
    expect(
      atOnce.every(({ sentAtMs, reports: own }) => own.length === 1 && own[0]?.watchedAtMs === sentAtMs),
    ).toBe(true);
  });

  it("has nothing that the history would refuse", () => {
    const sent = reports.map(({ why: _why, watchedAtMs, ...report }) => ({
      ...report,
      at: 1_700_000_000_000 + watchedAtMs,
    }));
    for (let from = 0; from < sent.length; from += REPORTS_PER_CALL_MAX)
      expect(readReportBatch(sent.slice(from, from + REPORTS_PER_CALL_MAX)).rejected).toEqual([]);
    expect(reports.every(({ positionMs, durationMs }) => positionMs <= durationMs)).toBe(true);
  });
});

describe("what is drawn", () => {
  const DRAWS = 100_000;
  const drawn = (draw: (random: () => number) => number): number[] => {
    const random = mulberry32(7);
    return Array.from({ length: DRAWS }, () => draw(random));
  };

  it("are items by Zipf's law", () => {
    const ranks = drawn(zipf(1_000, 1));
    const harmonic = Array.from({ length: 1_000 }, (_, rank) => 1 / (rank + 1)).reduce(
      (sum, one) => sum + one,
      0,
    );
    for (const rank of [0, 1, 9, 99]) {
      const count = ranks.filter((one) => one === rank).length;
      const expected = DRAWS / (rank + 1) / harmonic;
      expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
    expect(Math.max(...ranks)).toBeLessThan(1_000);
    expect(() => zipf(0, 1)).toThrow(RangeError);
  });

  it("are times by their mean, and lengths by their median", () => {
    const times = drawn((random) => exponential(random, 60));
    expect(times.reduce((sum, one) => sum + one, 0) / DRAWS).toBeCloseTo(60, -0.5);
    const lengths = drawn((random) => lognormal(random, 25, 0.8)).toSorted((a, b) => a - b);
    expect(lengths[DRAWS / 2]).toBeCloseTo(25, 0);
    // One deviation above the median.
    expect(lengths[Math.floor(DRAWS * 0.8413)]).toBeCloseTo(25 * Math.exp(0.8), -0.5);
  });
});
