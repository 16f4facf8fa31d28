import { mulberry32 } from "../mulberry32.ts";
import { exponential, lognormal, zipf, type Random } from "./draws.ts";
import { sessionOf, type Item, type TraceReport } from "./session.ts";
import { VIEWING } from "./viewing.ts";

/** A call of one device: what it reports, and when it sends that, in ms from the trace's start. */
export interface TraceRequest {
  readonly sentAtMs: number;
  readonly viewer: number;
  /** Whether it was offline when it watched: only then it says when that was. */
  readonly isLate: boolean;
  readonly reports: readonly TraceReport[];
}

export interface ViewingTraceOptions {
  readonly seed: number;
  readonly viewers: number;
  /** Calls outside of it are left out: everybody's session meets it, at either end too. */
  readonly lengthMs: number;
}

/** Calls in the order in which they are sent. The same ones for the same options. */
export function viewingTrace({ seed, viewers, lengthMs }: ViewingTraceOptions): readonly TraceRequest[] {
  const random = mulberry32(seed);
  const nextItem = catalogue();
  const requests: TraceRequest[] = [];
  for (let viewer = 0; viewer < viewers; viewer += 1) {
    // Of their own, so that one viewer more changes nothing of the others.
    const own = mulberry32(Math.floor(random() * 2 ** 32));
    for (const request of requestsOf(own, viewer, nextItem, lengthMs))
      if (request.sentAtMs >= 0 && request.sentAtMs < lengthMs) requests.push(request);
  }
  return requests.sort((a, b) => a.sentAtMs - b.sentAtMs || a.viewer - b.viewer);
}

function requestsOf(
  random: Random,
  viewer: number,
  nextItem: (random: Random) => Item,
  lengthMs: number,
): readonly TraceRequest[] {
  const { sessionMedianMs, sessionSigma, sessionMsMin, sessionMsMax } = VIEWING;
  const drawnMs = lognormal(random, sessionMedianMs, sessionSigma);
  const sessionMs = Math.min(sessionMsMax, Math.max(sessionMsMin, drawnMs));
  const startMs = random() * (lengthMs + sessionMs) - sessionMs;
  const session = { random, nextItem, startMs, endMs: startMs + sessionMs, firstItem: nextItem(random) };
  const kind = random();
  if (kind < VIEWING.offlineShare)
    return asSentFromOffline(random, viewer, startMs, sessionOf({ ...session, deviceId: "phone" }));
  const requests = asSent(viewer, sessionOf({ ...session, deviceId: "tv" }));
  if (kind >= VIEWING.offlineShare + VIEWING.twoDevicesShare) return requests;
  const firstItem = random() < VIEWING.sameItemShare ? session.firstItem : nextItem(random);
  return [...requests, ...asSent(viewer, sessionOf({ ...session, firstItem, deviceId: "phone" }))];
}

function asSent(viewer: number, reports: readonly TraceReport[]): TraceRequest[] {
  return reports.map((report) => ({
    sentAtMs: report.watchedAtMs,
    viewer,
    isLate: false,
    reports: [report],
  }));
}

/** What was watched offline is kept, and sent in batches when the phone is online again. */
function asSentFromOffline(
  random: Random,
  viewer: number,
  startMs: number,
  reports: readonly TraceReport[],
): readonly TraceRequest[] {
  const requests: TraceRequest[] = [];
  let kept: TraceReport[] = [];
  let isOnline = random() < 0.5;
  let turnsAtMs = startMs;
  const deliver = (): void => {
    for (let from = 0; from < kept.length; from += VIEWING.batchMax) {
      const sentAtMs = Math.ceil(turnsAtMs) + (from / VIEWING.batchMax) * VIEWING.batchEveryMs;
      requests.push({ sentAtMs, viewer, isLate: true, reports: kept.slice(from, from + VIEWING.batchMax) });
    }
    kept = [];
  };
  const turn = (): void => {
    if (!isOnline) deliver();
    isOnline = !isOnline;
    turnsAtMs += exponential(random, isOnline ? VIEWING.onlineMeanMs : VIEWING.offlineMeanMs);
  };
  turn();
  for (const report of reports) {
    while (turnsAtMs <= report.watchedAtMs) turn();
    if (isOnline) requests.push(...asSent(viewer, [report]));
    else kept.push(report);
  }
  deliver();
  return requests;
}

/** Items by their rank: an item has the same kind and length whoever watches it. */
function catalogue(): (random: Random) => Item {
  const { items, itemsExponent, audioShare, videoMs, audioMs } = VIEWING;
  const rankOf = zipf(items, itemsExponent);
  return (random) => {
    const rank = rankOf(random);
    const own = mulberry32(rank);
    const isAudio = own() < audioShare;
    const lengths = isAudio ? audioMs : videoMs;
    const durationMs = lengths[Math.floor(own() * lengths.length)] ?? 0;
    return { kind: isAudio ? "audio" : "video", itemId: `item-${rank}`, durationMs };
  };
}
