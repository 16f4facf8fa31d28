import type { Criticality } from "./criticality.ts";

/**
 * How work ended. `overloaded`: the upstream said that it has too much to do. `none`: not known,
 * since it was not begun after all, or its caller has gone or left too little time: it frees its
 * place, and its time says nothing.
 */
export type WorkOutcome = "success" | "failure" | "overloaded" | "none";

/** Decides how much work an upstream is given at once, from what can be seen of it. */
export interface OverloadLimiter {
  /** True: the work may start and is counted as in flight; its caller calls `done` once. */
  admit(nowMs: number, criticality: Criticality): boolean;
  /**
   * Work that was admitted at `startedAtMs` has ended. Of its time it has waited `waitedMs` on
   * purpose (0 if absent), which says nothing about how much there is to do.
   */
  done(nowMs: number, startedAtMs: number, outcome: WorkOutcome, waitedMs?: number): void;
  view(nowMs: number): { readonly inFlight: number; readonly limit: number; readonly shedding: boolean };
}
