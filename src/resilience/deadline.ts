/*
 * Deadlines travel as the time that is left, never as a moment: no two clocks must agree (gRPC's
 * grpc-timeout does the same). Source: gRPC over HTTP/2, "Timeout"; SRE book, ch. 22, "Deadline
 * propagation".
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
  readonly timeoutMs: number;
  readonly marginMs?: number;
}

/**
 * What a call made now may take, in ms: its timeout, or what is left of the request's time if that
 * is less. Never below 0.
 */
export function callLimitMs({
  remainingMs: remaining,
  timeoutMs,
  marginMs = MARGIN_MS,
}: CallLimitInput): number {
  return Math.max(0, Math.min(remaining - marginMs, timeoutMs));
}

/**
 * When the time is up of somebody who waits for one call and no longer: the call has its whole
 * timeout, and its answer the way back.
 */
export function deadlineOfOneMs(nowMs: number, timeoutMs: number): number {
  return nowMs + timeoutMs + MARGIN_MS;
}

/**
 * The share of its timeout that a call needs so that its lateness is the upstream's. Less than the
 * whole, since requests spend time on their way (a margin, a look-up, a window far away); not much
 * less, since what others have used up is not the upstream's fault.
 */
const FAIR_SHARE = 0.5;

interface HadItsTimeInput {
  /** What the call could take, in ms. */
  readonly limitMs: number;
  readonly timeoutMs: number;
  /** Whether the client asked for less time than its route has. */
  readonly isHurried: boolean;
}

/**
 * Whether an upstream that was late has failed. With its whole timeout always; with less only if no
 * client's hurry has cut it: else one client that asks for 20 ms could have the upstream taken for
 * dead.
 */
export function hadItsTime({ limitMs, timeoutMs, isHurried }: HadItsTimeInput): boolean {
  return limitMs >= timeoutMs || (!isHurried && limitMs >= fairShareMs(timeoutMs));
}

/** The least time, in ms, in which a call of this timeout has a chance. */
export function fairShareMs(timeoutMs: number): number {
  return timeoutMs * FAIR_SHARE;
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

/**
 * A `grpc-timeout` header's value (`250m`, `1S`) in ms, fractions included; null where it is none.
 */
export function parseGrpcTimeout(text: string): number | null {
  const value = text.slice(0, -1);
  const unitMs = UNIT_MS.get(text.slice(-1));
  return unitMs === undefined || !GRPC_TIMEOUT_VALUE.test(value) ? null : Number(value) * unitMs;
}
