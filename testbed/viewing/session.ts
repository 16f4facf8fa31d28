import { exponential, lognormal, type Random } from "./draws.ts";
import { VIEWING } from "./viewing.ts";

/** An item that can be watched. */
export interface Item {
  readonly kind: "video" | "audio";
  readonly itemId: string;
  readonly durationMs: number;
}

/** What a player reports, and when, in ms from the trace's start; below 0 before it. */
export interface TraceReport extends Item {
  readonly watchedAtMs: number;
  readonly positionMs: number;
  readonly event: "playing" | "paused" | "ended";
  readonly deviceId: string;
  /** What it was reported for. A client doesn't say so. */
  readonly why: "begun" | "heartbeat" | "seek" | "pause" | "resumed" | "ended" | "left";
}

interface SessionOptions {
  readonly random: Random;
  readonly nextItem: (random: Random) => Item;
  readonly deviceId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** What is watched first; drawn if absent. */
  readonly firstItem?: Item;
}

/** What one player reports from when it is opened until it is closed. */
export function sessionOf(options: SessionOptions): readonly TraceReport[] {
  const { random, nextItem, deviceId, startMs, endMs } = options;
  const reports: TraceReport[] = [];
  let item = options.firstItem ?? nextItem(random);
  let nowMs = startMs;
  let positionMs = random() < VIEWING.resumedShare ? Math.floor(random() * item.durationMs) : 0;
  let pauseAtMs = nowMs + exponential(random, VIEWING.pauseEveryMs);
  let seekAtMs = nowMs + exponential(random, VIEWING.seekEveryMs);
  const report = (why: TraceReport["why"], event: TraceReport["event"] = "playing"): void => {
    const watchedAtMs = Math.floor(nowMs);
    reports.push({ ...item, watchedAtMs, positionMs: Math.floor(positionMs), event, deviceId, why });
  };
  report("begun");
  for (;;) {
    const beatAtMs = nowMs + VIEWING.heartbeatMs;
    const endedAtMs = nowMs + (item.durationMs - positionMs);
    const untilMs = Math.min(beatAtMs, endedAtMs, pauseAtMs, seekAtMs, endMs);
    positionMs += untilMs - nowMs;
    nowMs = untilMs;
    if (nowMs === endMs) {
      report("left", "paused");
      return reports;
    }
    if (nowMs === endedAtMs) {
      positionMs = item.durationMs;
      report("ended", "ended");
      if (random() >= VIEWING.nextItemShare) return reports;
      item = nextItem(random);
      positionMs = 0;
      report("begun");
    } else if (nowMs === pauseAtMs) {
      report("pause", "paused");
      const { pauseMedianMs, pauseSigma, pauseMsMax } = VIEWING;
      nowMs += Math.min(pauseMsMax, lognormal(random, pauseMedianMs, pauseSigma));
      if (nowMs >= endMs) return reports;
      report("resumed");
      pauseAtMs = nowMs + exponential(random, VIEWING.pauseEveryMs);
      seekAtMs = Math.max(nowMs, seekAtMs);
    } else if (nowMs === seekAtMs) {
      const byMs = exponential(random, VIEWING.seekMeanMs) * (random() < VIEWING.seekBackShare ? -1 : 1);
      positionMs = Math.min(Math.max(0, positionMs + byMs), item.durationMs - 1);
      report("seek");
      seekAtMs = nowMs + exponential(random, VIEWING.seekEveryMs);
    } else report("heartbeat");
  }
}
