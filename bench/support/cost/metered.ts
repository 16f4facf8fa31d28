import { usageBeyond, usageOf, usagePerOne, type Usage } from "../../../testbed/cost/usage.ts";
import type { RecordedSql } from "./recorded-sql.ts";
import type { RowMeter } from "./row-meter.ts";
import type { VirtualPlatform } from "./virtual-platform.ts";

/** What one of something uses, and what can be told of it beside. */
export interface Metered {
  /** CPU time is not in it: virtual time has none. */
  readonly perOne: Usage;
  /** By what it was for, a million of it. */
  readonly details: readonly (readonly [detail: string, perOne: number])[];
  readonly answeredMs: { readonly p50: number; readonly p99: number };
  /** Answers that were none. */
  readonly failures: number;
}

/** Collects how clients fared. */
export class Answers {
  readonly #ms: number[] = [];
  #failures = 0;
  #firstFailure: unknown = null;

  /** Notes what becomes of a request that is sent now. */
  async note(now: () => number, request: Promise<unknown>): Promise<void> {
    const sentAtMs = now();
    try {
      await request;
      this.#ms.push(now() - sentAtMs);
    } catch (error) {
      this.#failures += 1;
      this.#firstFailure ??= error;
    }
  }

  get count(): number {
    return this.#ms.length;
  }

  get failures(): number {
    return this.#failures;
  }

  get answeredMs(): { readonly p50: number; readonly p99: number } {
    const sorted = this.#ms.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99) };
  }

  /** Throws where more than a thousandth went wrong: its price would be that of something else. */
  requireMostlyWell(): void {
    if (this.#failures * 1_000 <= this.#ms.length) return;
    throw new Error(`${this.#failures} requests failed`, { cause: this.#firstFailure });
  }
}

/** What a platform has counted since its meters were started. */
export interface Counted {
  readonly usage: Usage;
  readonly details: readonly (readonly [detail: string, amount: number])[];
}

export async function countedBy(platform: VirtualPlatform, rowMeter: RowMeter): Promise<Counted> {
  return { usage: await usageWithRows(platform, rowMeter), details: platform.meters.details };
}

/** What was counted, shared among the answers, less what would have been without any of them. */
export function sharedAmong(answers: Answers, counted: Counted, without: Counted | null = null): Metered {
  answers.requireMostlyWell();
  const { usage } = counted;
  const before = new Map(without?.details);
  return {
    perOne: usagePerOne(without === null ? usage : usageBeyond(usage, without.usage), answers.count),
    details: counted.details.map(([detail, amount]) => [
      detail,
      (amount - (before.get(detail) ?? 0)) / answers.count,
    ]),
    answeredMs: answers.answeredMs,
    failures: answers.failures,
  };
}

/** What a platform has counted, shared among the answers. */
export async function meteredOf(
  platform: VirtualPlatform,
  answers: Answers,
  rowMeter: RowMeter,
): Promise<Metered> {
  return sharedAmong(answers, await countedBy(platform, rowMeter));
}

/** What a platform's meters have counted, with the rows as the runtime bills them. */
async function usageWithRows(platform: VirtualPlatform, rowMeter: RowMeter): Promise<Usage> {
  const { usage } = platform.meters;
  const d1 = await rowsOf(rowMeter, [...platform.databases.values()]);
  const objects = await rowsOf(rowMeter, platform.objectSql);
  const rows = {
    d1RowsRead: d1.rowsRead,
    d1RowsWritten: d1.rowsWritten,
    objectRowsRead: objects.rowsRead,
    objectRowsWritten: objects.rowsWritten,
  } as const;
  return usageOf((meter) => usage[meter] + ((rows as Partial<Usage>)[meter] ?? 0));
}

async function rowsOf(rowMeter: RowMeter, databases: readonly RecordedSql[]) {
  const sum = { rowsRead: 0, rowsWritten: 0 };
  for (const { units } of databases) {
    if (!units.some(({ isCounted }) => isCounted)) continue;
    const { rowsRead, rowsWritten } = await rowMeter.rowsOf(units);
    sum.rowsRead += rowsRead;
    sum.rowsWritten += rowsWritten;
  }
  return sum;
}
