/** Calls that ended within the same second. */
export interface SecondOfCalls {
  readonly ok: number;
  readonly failed: number;
}

interface Second {
  readonly second: number;
  ok: number;
  failed: number;
}

/** How calls ended, second by second; the newest second is last. */
export type CallsBySecond = readonly Readonly<Second>[];

const SECOND_MS = 1_000;
/**
 * As long as the window in which they count. Older failures say nothing about now: reported late,
 * they would trip a breaker whose upstream is well.
 */
export const SECONDS_KEPT = 10;

/**
 * How the calls of the last ten seconds ended, by the second: what is told late must not count as
 * if it had happened just now. Times are steady ms: the owner sees to that.
 */
export class RecentCalls {
  #seconds: Second[] = [];

  count(atMs: number, outcome: "success" | "failure"): void {
    const second = Math.floor(atMs / SECOND_MS);
    let last = this.#seconds.at(-1);
    if (last === undefined || last.second !== second) {
      last = { second, ok: 0, failed: 0 };
      this.#seconds.push(last);
      this.#forgetOld(second);
    }
    if (outcome === "success") last.ok += 1;
    else last.failed += 1;
  }

  /** Gives out what is kept at `atMs`, and forgets it. */
  take(atMs: number): CallsBySecond {
    this.#forgetOld(Math.floor(atMs / SECOND_MS));
    const taken = this.#seconds;
    this.#seconds = [];
    return taken;
  }

  /** Takes back what was taken before: it is older than all that is here, but for its end. */
  putBack(taken: CallsBySecond): void {
    const newer = this.#seconds;
    this.#seconds = taken.map((second) => ({ ...second }));
    for (const { second, ok, failed } of newer) {
      const last = this.#seconds.at(-1);
      if (last?.second === second) {
        last.ok += ok;
        last.failed += failed;
      } else this.#seconds.push({ second, ok, failed });
    }
  }

  hasFailures(atMs: number): boolean {
    this.#forgetOld(Math.floor(atMs / SECOND_MS));
    return this.#seconds.some(({ failed }) => failed > 0);
  }

  isEmpty(atMs: number): boolean {
    this.#forgetOld(Math.floor(atMs / SECOND_MS));
    return this.#seconds.length === 0;
  }

  forget(): void {
    this.#seconds = [];
  }

  #forgetOld(now: number): void {
    while ((this.#seconds[0]?.second ?? now) <= now - SECONDS_KEPT) this.#seconds.shift();
  }
}

/** The sum of all seconds. */
export function sumOf(calls: readonly SecondOfCalls[]): SecondOfCalls {
  let [ok, failed] = [0, 0];
  for (const second of calls) {
    ok += second.ok;
    failed += second.failed;
  }
  return { ok, failed };
}

/** By age at `atMs`: the first is the second in progress. */
export function byAge(calls: CallsBySecond, atMs: number): readonly SecondOfCalls[] {
  const now = Math.floor(atMs / SECOND_MS);
  const ages: SecondOfCalls[] = [];
  for (const { second, ok, failed } of calls) {
    const age = now - second;
    while (ages.length <= age) ages.push({ ok: 0, failed: 0 });
    ages[age] = { ok, failed };
  }
  return ages;
}
