import type { ClientQuota, QuotaMode } from "../../../src/resilience/quota/client-quota.ts";
import { createClientQuota } from "../../../src/resilience/quota/create-client-quota.ts";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import type { RateAnswer, RateAsk, RateDecision } from "../../../src/resilience/quota/rate-limit.ts";
import { answerAsk, leaseHoldMs } from "../../../src/resilience/quota/rate-server.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/*
 * How exact the three modes are, measured in virtual time: one client sends evenly (with jitter) at
 * `load` times its limit, each request through a random isolate; every message to the server and
 * back takes its time, so answers overtake each other.
 */

export interface RateCell {
  readonly mode: QuotaMode;
  readonly isolates: number;
  readonly limit: number;
  readonly windowMs: number;
  /** Requests sent, in limits. */
  readonly load: number;
  /** The part of the limit that an isolate of the mode `async` tells nobody of. 0 if absent. */
  readonly quietShare?: number;
}

export interface RateAccuracy {
  /** Admitted per window in the steady state, in limits. */
  readonly admitted: number;
  /** Most admitted in any window of the whole run, in limits; and what is promised as most. */
  readonly worst: number;
  readonly bound: number;
  /** Share of requests refused. Below load 1 every one of them is wrong. */
  readonly refused: number;
  /** Calls to the server per request. */
  readonly calls: number;
  /** Share of requests that waited for the server, in the steady state. */
  readonly waited: number;
  readonly requests: number;
  readonly admittedInAll: number;
  readonly refusedInAll: number;
}

export interface RateMatrix {
  readonly isolates?: readonly number[];
  readonly limits?: readonly number[];
  readonly windowsMs?: readonly number[];
}

const MODES: readonly QuotaMode[] = ["strict", "lease", "async"];
const LOADS: readonly number[] = [0.8, 1.5, 10];
/** More than one, so that nothing holds by luck. */
export const SEEDS: readonly number[] = [1, 2, 3, 4, 5];
const RTT_MS_MIN = 5;
const RTT_MS_MAX = 40;
const WARM_UP_WINDOWS = 2;
const MEASURED_WINDOWS = 4;
const START_MS = 1_800_000_000_000;

/**
 * What a mode promises as the most in any window, in limits: the burst is a limit itself, so that
 * it is two for the exact mode.
 */
function promisedMost({ mode, limit, windowMs, load, isolates, quietShare = 0 }: RateCell): number {
  const slackMs = {
    strict: RTT_MS_MAX,
    lease: leaseHoldMs({ limit, windowMs }) + RTT_MS_MAX,
    async: load * (Math.min(5000, Math.max(200, windowMs / 8)) + RTT_MS_MAX),
  }[mode];
  return 2 + slackMs / windowMs + isolates * quietShare;
}

/**
 * One client, its isolates and its server, for six windows; the first two are not measured, but
 * count for `worst`.
 */
export function simulateRate(cell: RateCell, seed = 1): RateAccuracy {
  const { mode, isolates, limit, windowMs, load, quietShare = 0 } = cell;
  const random = mulberry32(seed * 7919 + isolates * 31 + limit * 17 + windowMs + load * 10);
  const startMs = START_MS + Math.floor(random() * windowMs);
  const measuredFromMs = startMs + WARM_UP_WINDOWS * windowMs;
  const requests = Math.round(load * limit * (WARM_UP_WINDOWS + MEASURED_WINDOWS));
  const time = new VirtualTime(startMs);
  const now = (): number => Math.floor(time.now());
  const quotas = Array.from({ length: isolates }, () =>
    createClientQuota(mode, { limit, windowMs }, { onUnreachable: "open", quietShare }),
  );
  const server = quotaFor({ limit, windowMs });
  const admittedAtMs: number[] = [];
  let [calls, refused, waited, measured] = [0, 0, 0, 0];

  const send = (ask: RateAsk, receive: (answer: RateAnswer) => void): void => {
    const rttMs = RTT_MS_MIN + random() * (RTT_MS_MAX - RTT_MS_MIN);
    calls += 1;
    time.after(rttMs / 2, () => {
      const answer = answerAsk(server, { limit, windowMs }, now(), ask);
      time.after(rttMs / 2, () => receive(answer));
    });
  };
  const settle = (quota: ClientQuota, decision: RateDecision): void => {
    if (decision.allowed) admittedAtMs.push(time.now());
    else refused += 1;
    const ask = quota.background(now());
    if (ask !== null) send(ask, (answer) => quota.learned(now(), answer));
  };
  const arrive = (index: number): void => {
    const nextAtMs = startMs + ((index + 1 + random()) * windowMs) / (load * limit);
    if (index + 1 < requests) time.after(nextAtMs - time.now(), () => arrive(index + 1));
    const quota = quotas[Math.floor(random() * isolates)];
    if (quota === undefined) return;
    const isMeasured = time.now() >= measuredFromMs;
    if (isMeasured) measured += 1;
    const decision = quota.decide(now(), 1);
    if (decision !== null) return settle(quota, decision);
    if (isMeasured) waited += 1;
    send(quota.ask(now(), 1), (answer) => settle(quota, quota.answered(now(), 1, answer)));
  };
  arrive(0);
  time.run();

  const untilMs = measuredFromMs + MEASURED_WINDOWS * windowMs;
  return {
    admitted:
      admittedAtMs.filter((atMs) => atMs >= measuredFromMs && atMs < untilMs).length /
      MEASURED_WINDOWS /
      limit,
    worst: mostInAnyWindow(admittedAtMs, windowMs) / limit,
    bound: promisedMost(cell),
    refused: refused / requests,
    calls: calls / requests,
    waited: waited / Math.max(1, measured),
    requests,
    admittedInAll: admittedAtMs.length,
    refusedInAll: refused,
  };
}

function mostInAnyWindow(timesMs: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [index, atMs] of timesMs.entries()) {
    while ((timesMs[first] ?? atMs) <= atMs - windowMs) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/**
 * The matrix as Markdown, the same each time: a row for each mode, load and number of isolates,
 * over all limits, windows and seeds.
 */
export function rateAccuracyTable({
  isolates = [1, 5, 50, 300],
  limits = [10, 120, 600],
  windowsMs = [1000, 10_000, 60_000],
}: RateMatrix = {}): string {
  const rows = MODES.flatMap((mode) =>
    LOADS.flatMap((load) => isolates.map((count) => ({ mode, load, isolates: count }))),
  );
  const lines = rows.map((row) => {
    const cells = limits.flatMap((limit) =>
      windowsMs.flatMap((windowMs) => SEEDS.map((seed) => simulateRate({ ...row, limit, windowMs }, seed))),
    );
    const tightest = cells.reduce((a, b) => (b.worst / b.bound > a.worst / a.bound ? b : a));
    const wrong = row.load < 1 ? percent(Math.max(...cells.map(({ refused }) => refused))) : "–";
    const columns = [
      row.mode,
      `${row.load}`,
      `${row.isolates}`,
      range(cells.map(({ admitted }) => admitted)),
      `${tightest.worst.toFixed(2)} of ${tightest.bound.toFixed(2)}`,
      wrong,
      range(cells.map(({ calls }) => calls)),
      range(cells.map(({ waited }) => waited)),
    ];
    return `| ${columns.join(" | ")} |`;
  });
  const head = [
    "mode",
    "load",
    "isolates",
    "admitted/limit",
    "worst window of promised",
    "wrongly refused",
    "calls/request",
    "waited",
  ];
  return [`| ${head.join(" | ")} |`, `|${" --- |".repeat(head.length)}`, ...lines, ""].join("\n");
}

/** The least and the greatest of some shares. */
export function range(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
