import { type RateAccuracy, range, SEEDS, simulateRate } from "./rate-accuracy.ts";

/*
 * What it costs in accuracy, and saves in calls, that isolates tell nobody of quiet clients.
 */

export const QUIET_SHARE = 1 / 20;
export const LOADS: readonly number[] = [0.01, 0.04, 0.8, 1.5, 10];
export const ISOLATES: readonly number[] = [1, 5, 16, 50, 300];
/** Of smaller ones the share is no whole request, and nothing is quiet. */
const LIMITS: readonly number[] = [120, 600];
const WINDOWS_MS: readonly number[] = [1_000, 10_000, 60_000];

/** All limits, windows and seeds of one row. */
export function simulateQuiet(load: number, isolates: number, quietShare = QUIET_SHARE): RateAccuracy[] {
  return LIMITS.flatMap((limit) =>
    WINDOWS_MS.flatMap((windowMs) =>
      SEEDS.map((seed) => simulateRate({ mode: "async", isolates, limit, windowMs, load, quietShare }, seed)),
    ),
  );
}

/** What is promised as the most that is admitted, in limits. */
export function promisedMost(isolates: number): number {
  return 1 + isolates * QUIET_SHARE;
}

/** Markdown, the same each time: a row for each load and number of isolates. */
export function quietQuotasTable(): string {
  const lines = LOADS.flatMap((load) =>
    ISOLATES.map((isolates) => {
      const cells = simulateQuiet(load, isolates);
      const columns = [
        `${load}`,
        `${isolates}`,
        range(cells.map(({ admitted }) => admitted)),
        promisedMost(isolates).toFixed(2),
        load < 1 ? `${(Math.max(...cells.map(({ refused }) => refused)) * 100).toFixed(1)} %` : "–",
        range(cells.map(({ calls }) => calls)),
        range(cells.map(({ waited }) => waited)),
      ];
      return `| ${columns.join(" | ")} |`;
    }),
  );
  const head = [
    "load",
    "isolates",
    "admitted/limit",
    "promised",
    "wrongly refused",
    "calls/request",
    "waited",
  ];
  return [`| ${head.join(" | ")} |`, `|${" --- |".repeat(head.length)}`, ...lines, ""].join("\n");
}
