import type { Contestant } from "./interleaved.ts";

/**
 * One table: contestants that do the same, of which the first is ours, and the measure of the
 * others.
 */
export interface Bout {
  readonly title: string;
  /** Who is missing from it, and why. */
  readonly note?: string;
  /** Made when its turn comes: what others have left in memory should slow nobody down. */
  readonly contestants: () => readonly Contestant[] | Promise<readonly Contestant[]>;
}
