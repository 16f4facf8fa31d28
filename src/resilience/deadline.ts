/*
 * Deadlines travel as the time that is left, never as a moment: no two clocks must agree (gRPC's grpc-timeout does the same). Source: gRPC over
 * HTTP/2, "Timeout"; SRE book, ch. 22, "Deadline propagation".
 */

/** Less than this left, and a call is not worth starting, in ms. */
export const USEFUL_MS_MIN = 10;
/** Kept back from the remaining time for the way back, in ms. */
const MARGIN_MS = 5;

/** Time left until `deadlineAtMs`, in ms; 0 once it has passed. */
export function remainingMs(deadlineAtMs: number, nowMs: number): number {
  return Math.max(0, deadlineAtMs - nowMs);
}

/** Whether so much time, in ms, is enough to start a call. */
export function isWorthCalling(remaining: number): boolean {
  return remaining >= USEFUL_MS_MIN;
}

interface CallLimitInput {
  readonly remainingMs: number;
  /** What a call of this kind may take at most. */
  readonly quotaMs: number;
  readonly marginMs?: number;
}

/** What a call made now may take, in ms: its quota, or what is left of the request's time if that is less. Never below 0. */
export function callLimitMs({ remainingMs: remaining, quotaMs, marginMs = MARGIN_MS }: CallLimitInput): number {
  return Math.max(0, Math.min(remaining - marginMs, quotaMs));
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1_000],
  ["m", 1],
  ["u", 0.001],
  ["n", 0.000_001],
]);
const GRPC_TIMEOUT_VALUE = /^[0-9]{1,8}$/;

/** A `grpc-timeout` header's value (`250m`, `1S`) in ms, fractions included; null where it is none. */
export function parseGrpcTimeout(text: string): number | null {
  const value = text.slice(0, -1);
  const unitMs = UNIT_MS.get(text.slice(-1));
  return unitMs === undefined || !GRPC_TIMEOUT_VALUE.test(value) ? null : Number(value) * unitMs;
}
