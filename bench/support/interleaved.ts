import { setImmediate } from "node:timers/promises";
import { median } from "./median.ts";

/** One way to do what a table compares. */
export interface Candidate {
  readonly name: string;
  /**
   * Makes this many calls and returns how many were decided as the table says. Candidates that
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
  /** The median of each round's ratio to the first candidate. */
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
 * ns per call of each candidate: the median of rounds in which they take turns, after all of them
 * were warmed up. A slow second of the machine thus hits all of them, or is left out.
 *
 * @throws Error where a candidate decides otherwise than the table says: what it measured would be
 *   something else
 */
export async function interleaved(
  candidates: readonly Candidate[],
  { rounds, roundMs }: RoundOptions,
): Promise<readonly Timing[]> {
  const entries: { readonly candidate: Candidate; readonly calls: number; readonly ns: number[] }[] = [];
  for (const candidate of candidates) {
    const ns = await warmUp(candidate);
    entries.push({ candidate, calls: bounded((roundMs * 1e6) / ns), ns: [] });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { candidate, calls, ns } of entries) ns.push(await nsPerCall(candidate, calls));
  }
  for (const { close } of candidates) close?.();
  const base = entries[0]?.ns ?? [];
  return entries.map(({ candidate, ns }) => ({
    name: candidate.name,
    nsPerCall: median(ns),
    ratio: median(ns.map((value, round) => value / (base[round] ?? Number.NaN))),
  }));
}

/** Calls more and more at a time until that takes a while. Returns the ns per call at last. */
async function warmUp(candidate: Candidate): Promise<number> {
  for (let calls = CALLS_MIN; ; calls = bounded(calls * 2)) {
    const ns = await nsPerCall(candidate, calls);
    if (calls * ns >= WARM_UP_MS * 1e6 || calls === CALLS_MAX) return ns;
  }
}

async function nsPerCall({ name, run }: Candidate, calls: number): Promise<number> {
  // Timers get their turn here, on which some candidates rely to forget what is old.
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
