import { Bulkhead } from "../../resilience/overload/bulkhead.ts";
import type { OverloadLimiter } from "../../resilience/overload/overload-limiter.ts";
import type { CallKind } from "./call-plan.ts";
import type { GuardParts } from "./guard.ts";

/** How much of an upstream's work is under way at once. */
export interface LaneOptions {
  /** Calls under way at once in this isolate: so many reads and as many writes, or each its own. */
  readonly maxConcurrent: number | { readonly reads: number; readonly writes: number };
  /**
   * The same of dear calls, which then have places of their own and no overload protection but that
   * of whoever does the work. Among the others if absent.
   */
  readonly maxConcurrentDear?: number;
  /** Overload protection for each kind of call; none if absent. */
  readonly overload?: (kind: CallKind) => OverloadLimiter;
}

/** The lanes of a guard. */
export function guardLanes({ maxConcurrent, maxConcurrentDear, overload }: LaneOptions): GuardParts["lanes"] {
  const { reads, writes } =
    typeof maxConcurrent === "number" ? { reads: maxConcurrent, writes: maxConcurrent } : maxConcurrent;
  const lane = (max: number, kind: CallKind) => ({
    bulkhead: new Bulkhead({ maxConcurrent: max }),
    overload: overload?.(kind) ?? null,
  });
  return {
    read: lane(reads, "read"),
    write: lane(writes, "write"),
    ...(maxConcurrentDear === undefined
      ? {}
      : { dear: { bulkhead: new Bulkhead({ maxConcurrent: maxConcurrentDear }), overload: null } }),
  };
}
