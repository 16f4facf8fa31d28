import type { FailureCount } from "../../contracts/history.ts";
import type { FailureReader, FailureSummary } from "./ports.ts";

/**
 * What has gone wrong in all cells together. Throws while one of them can't be asked: a sum without
 * it would look like less trouble.
 */
export function failuresOfCells(readers: readonly FailureReader[]): FailureReader {
  return async function readFailures() {
    const summaries = await Promise.all(readers.map((read) => read()));
    return summaries.reduce(sumOf);
  };
}

function sumOf(a: FailureSummary, b: FailureSummary): FailureSummary {
  const byKind = new Map<string, FailureCount>();
  for (const { kind, total, lastAt } of [...a.failures, ...b.failures]) {
    const known = byKind.get(kind);
    byKind.set(kind, {
      kind,
      total: total + (known?.total ?? 0),
      lastAt: Math.max(lastAt, known?.lastAt ?? 0),
    });
  }
  return {
    deadLetters: a.deadLetters + b.deadLetters,
    rejected: a.rejected + b.rejected,
    failures: [...byKind.values()].toSorted((one, other) => (one.kind < other.kind ? -1 : 1)),
  };
}
