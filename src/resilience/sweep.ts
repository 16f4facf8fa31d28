import type { Clock } from "./clock.ts";

/** One thing that a sweep does. */
export interface SweepStep {
  /** What it does, for the line in the log if it fails. */
  readonly what: string;
  /** Does a bounded part of it. Answers whether there is more to do; nothing means no. */
  readonly run: (atMs: number) => Promise<boolean | void>;
}

interface SweepOptions {
  readonly steps: readonly SweepStep[];
  readonly now: Clock;
  /** Told once of each step that failed: the next sweep tries it again. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * Times one sweep runs a step that has more to do: the next sweep comes in minutes, and others wait
 * for the same database.
 */
const ROUNDS_MAX = 20;

/**
 * What a cron does: named steps, one after the other, each of bounded work. Never throws: a step
 * that fails is told of and keeps no other from its turn.
 *
 * A step is given the earlier of two clocks, the platform's that has scheduled the sweep and this
 * machine's: what is thrown away doesn't come back when a wrong reading is over.
 */
export function sweepOf({ steps, now, onFailure }: SweepOptions): (scheduledAtMs: number) => Promise<void> {
  return async function sweep(scheduledAtMs) {
    for (const { what, run } of steps) {
      try {
        for (let round = 0; round < ROUNDS_MAX; round += 1)
          if ((await run(Math.min(now(), scheduledAtMs))) !== true) break;
      } catch (error) {
        onFailure(what, error);
      }
    }
  };
}
