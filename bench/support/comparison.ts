import type { Candidate } from "./interleaved.ts";

/**
 * One table: candidates that do the same, of which the first is ours, and the measure of the
 * others.
 */
export interface Comparison {
  readonly title: string;
  /** Who is missing from it, and why. */
  readonly note?: string;
  /** Made when its turn comes: what others have left in memory should slow nobody down. */
  readonly candidates: () => readonly Candidate[] | Promise<readonly Candidate[]>;
}
