import { setImmediate } from "node:timers/promises";
import { median } from "./median.ts";

/** One way to do what a table compares. */
export interface Contestant {
  readonly name: string;
  /**
   * Makes this many calls and returns how many were decided as the table says. Contestants that
   * share a loop share what the compiler learns in it: a call through an interface with several
   * implementations is what they get in production too, and costs more than one that is known.
   */
  readonly run: (calls: number) => number | Promise<number>;
  /** Ends what would go on by itself, such as timers. */
  readonly close?: () => void;
}

export interface Timing {
  readonly name: string;
  readonly nsPerCall: number;
  /** The median of each round's ratio to the first contestant. */
  readonly ratio: number;
}

export interface RoundOptions {
  readonly rounds: number;
  readonly roundMs: number;
}

const WARM_UP_MS = 120;
const CALLS_MIN = 1_000;
const CALLS_MAX = 20_000_000;

/**
 * ns per call of each contestant: the median of rounds in which they take turns, after all of them
 * were warmed up. A slow second of the machine thus hits all of them, or is left out.
 *
 * @throws Error where a contestant decides otherwise than the table says: what it measured would be
 *   something else
 */
export async function interleaved(
  contestants: readonly Contestant[],
  { rounds, roundMs }: RoundOptions,
): Promise<readonly Timing[]> {
  const entries: { readonly contestant: Contestant; readonly calls: number; readonly ns: number[] }[] = [];
  for (const contestant of contestants) {
    const ns = await warmUp(contestant);
    entries.push({ contestant, calls: bounded((roundMs * 1e6) / ns), ns: [] });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { contestant, calls, ns } of entries) ns.push(await nsPerCall(contestant, calls));
  }
  for (const { close } of contestants) close?.();
  const base = entries[0]?.ns ?? [];
  return entries.map(({ contestant, ns }) => ({
    name: contestant.name,
    nsPerCall: median(ns),
    ratio: median(ns.map((value, round) => value / (base[round] ?? Number.NaN))),
  }));
}

/** Calls more and more at a time until that takes a while. Returns the ns per call at last. */
async function warmUp(contestant: Contestant): Promise<number> {
  for (let calls = CALLS_MIN; ; calls = bounded(calls * 2)) {
    const ns = await nsPerCall(contestant, calls);
    if (calls * ns >= WARM_UP_MS * 1e6 || calls === CALLS_MAX) return ns;
  }
}

async function nsPerCall({ name, run }: Contestant, calls: number): Promise<number> {
  // Timers get their turn here, on which some contestants rely to forget what is old.
  await setImmediate();
  const startedAt = process.hrtime.bigint();
  const counted = run(calls);
  // Awaiting what is no promise would add a turn of the queue, not to each call though.
  const decided = typeof counted === "number" ? counted : await counted;
  const ns = Number(process.hrtime.bigint() - startedAt);
  if (decided !== calls) throw new Error(`${name}: ${decided} of ${calls} calls were decided as expected`);
  return ns / calls;
}

function bounded(calls: number): number {
  return Math.round(Math.min(CALLS_MAX, Math.max(CALLS_MIN, calls)));
}
