/**
 * How long production's parts take to answer, in ms: assumed, and only the time for which objects
 * wait depends on it. Service bindings answer within the same machine.
 */
export interface Distances {
  /** There and back between a worker and an object. */
  readonly objectMs: number;
  /** What an object's turn takes at least. */
  readonly turnMs: number;
  /** Until what an object has written is durable, before which its answer doesn't leave. */
  readonly confirmMs: number;
  readonly d1Ms: number;
  readonly queueMs: number;
}

export const DISTANCES: Distances = { objectMs: 10, turnMs: 1, confirmMs: 10, d1Ms: 20, queueMs: 20 };
