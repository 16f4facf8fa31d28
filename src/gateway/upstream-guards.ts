import { ofEachUpstream, type UpstreamName } from "../contracts/internal-request.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import type { CallKind } from "../platform/guard/call-plan.ts";
import type { Guard } from "../platform/guard/guard.ts";
import type { MakeGuard } from "../platform/guard/guard-kit.ts";
import { OnlookerLimiter } from "../resilience/overload/onlooker-limiter.ts";
import { overloadLimiter, type OverloadLimiterName } from "../resilience/overload/overload-limiters.ts";
import type { OverloadLimiter } from "../resilience/overload/overload-limiter.ts";

/** What each upstream is given at once, reads and writes apart. */
export type UpstreamLimiters = Readonly<Record<UpstreamName, Readonly<Record<CallKind, OverloadLimiter>>>>;

/** The longest a route may take; a route's own time is less and sets the limit of each call. */
const TIMEOUT_MS = 5_000;
/**
 * Requests under way to one upstream at once, reads and writes apart: an isolate of 128 MB can't
 * hold many more.
 */
const MAX_CONCURRENT = 1_024;
/**
 * Of those that hash a password. They wait for seconds where many come at once, and are refused
 * where they are done: neither is a sign for other requests.
 */
const MAX_CONCURRENT_DEAR = 256;

/**
 * Checks of one upstream's readiness under way at once: one, and a second where the first was taken
 * for lost.
 */
const MAX_CONCURRENT_CHECKS = 2;

/**
 * Writes differ: a transfer takes what many reports take, so that the quick ones are no measure for
 * all. What a report waits on purpose is told in its answer and taken off, but by a history of the
 * release before, which has it wait 50 ms at most. Reads are quick always.
 */
const RT_FLOOR_MS = { read: 1, write: 60 } as const;

/** Overload protection of the given kind for each upstream's reads and for its writes. */
export function upstreamLimiters(kind: OverloadLimiterName): UpstreamLimiters {
  const lane = (call: CallKind): OverloadLimiter => overloadLimiter(kind, { rtFloorMs: RT_FLOOR_MS[call] });
  return ofEachUpstream(() => ({ read: lane("read"), write: lane("write") }));
}

/** A guard for each upstream, with the overload protection that it is given. */
export function upstreamGuards(
  makeGuard: MakeGuard,
  limiters: UpstreamLimiters,
): Readonly<Record<UpstreamName, Guard>> {
  return ofEachUpstream((name) =>
    makeGuard(name, {
      timeoutMs: TIMEOUT_MS,
      maxConcurrent: MAX_CONCURRENT,
      maxConcurrentDear: MAX_CONCURRENT_DEAR,
      overload: (lane) => limiters[name][lane],
    }),
  );
}

/**
 * A guard for each upstream's readiness, apart from the traffic's: neither takes the other's
 * places, and a check that is late opens no breaker for anybody. While the upstream's traffic is
 * shed, so is the check, and before anything else. A fault that is injected into a BFF is felt by
 * both.
 */
export function readyGuards(
  makeGuard: MakeGuard,
  limiters: UpstreamLimiters,
): Readonly<Record<UpstreamName, Guard>> {
  return ofEachUpstream((name) =>
    makeGuard(`${name}-ready`, {
      timeoutMs: CALL_TIMEOUT_MS.readyCall,
      maxConcurrent: { reads: MAX_CONCURRENT_CHECKS, writes: 1 },
      overload: (lane) => new OnlookerLimiter(limiters[name][lane]),
      ...(name === "ops" || name === "realtime" ? {} : { faultsOf: name }),
    }),
  );
}
