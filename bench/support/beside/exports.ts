import type { Shard } from "../../../src/history/biz/shard.ts";
import { median } from "../median.ts";
import { benchedShard, ENTRIES } from "./benched-shard.ts";

const REPORTS_PER_SECOND = 50;
const EXPORTS_PER_SECOND = 10;
const ROUNDS = 5;
const ROUND_MS = 2_000;
/** Viewers whose heartbeats these are. */
const VIEWERS = 500;
const QUANTILES = [0.5, 0.99] as const;

export interface Waits {
  readonly what: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * How long reports and exports of {@link ENTRIES} entries wait, each alone and both together:
 * medians of rounds in which the three take turns. A report waits for its commit on purpose.
 */
export async function measureExports(): Promise<readonly Waits[]> {
  const shard = benchedShard();
  const rounds: { readonly what: string; readonly waitsMs: readonly number[] }[] = [];
  const reports = (): Promise<readonly number[]> =>
    atPace(REPORTS_PER_SECOND, (number) => reportOf(shard, number));
  const exports = (): Promise<readonly number[]> =>
    atPace(EXPORTS_PER_SECOND, (number) => exportOf(shard, number));
  await Promise.all([reports(), exports()]);
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push({ what: "a report, alone", waitsMs: await reports() });
    rounds.push({ what: "an export, alone", waitsMs: await exports() });
    const [reported, exported] = await Promise.all([reports(), exports()]);
    rounds.push({ what: "a report beside exports", waitsMs: reported });
    rounds.push({ what: "an export beside reports", waitsMs: exported });
  }
  return [...new Set(rounds.map(({ what }) => what))].toSorted().map((what) => {
    const [p50Ms = Number.NaN, p99Ms = Number.NaN] = QUANTILES.map((quantile) =>
      median(
        rounds.filter((round) => round.what === what).map(({ waitsMs }) => quantileOf(waitsMs, quantile)),
      ),
    );
    return { what, p50Ms, p99Ms };
  });
}

async function reportOf(shard: Shard, number: number): Promise<void> {
  const film = {
    kind: "video",
    itemId: "film",
    positionMs: number,
    event: "playing",
    at: Date.now(),
  } as const;
  const { accepted } = await shard.report(`viewer-${number % VIEWERS}`, [film]);
  if (accepted !== 1) throw new Error("a report was not taken");
}

/** Of somebody whom the shard doesn't hold. */
async function exportOf(shard: Shard, number: number): Promise<void> {
  const userId = `reader-${number % VIEWERS}`;
  shard.forgetView(userId);
  const { entries } = await shard.exportAll(userId);
  if (entries.length !== ENTRIES) throw new Error(`${entries.length} entries were exported`);
}

/** Does something so often a second for a round. Answers how long each has taken, in ms. */
async function atPace(
  perSecond: number,
  work: (number: number) => Promise<void>,
): Promise<readonly number[]> {
  const waits: Promise<number>[] = [];
  const startedAtMs = performance.now();
  while (waits.length < (ROUND_MS / 1_000) * perSecond) {
    const dueMs = startedAtMs + (waits.length * 1_000) / perSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
    const sentAtMs = performance.now();
    waits.push(work(waits.length).then(() => performance.now() - sentAtMs));
  }
  return Promise.all(waits);
}

function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
}
