/** When a message that has not been confirmed is sent again, and when that ends. */
export interface DeliverySchedule {
  /** Pauses after the first, second … send, in ms. */
  readonly pausesMs: readonly number[];
  /** The slow lane after those, in ms. */
  readonly slowMs: number;
  /** How long a message is tried, from its creation or its last redrive, in ms. */
  readonly givesUpAfterMs: number;
}

interface TriedMessage {
  readonly drivenAtMs: number;
  readonly attempts: number;
  /** Sends before it was last redriven: they count for no schedule any more. */
  readonly attemptsBefore: number;
}

/** How far the clocks of two machines may be apart. */
const CLOCK_SKEW_MS = 300_000;
/** Keeps messages that failed together from coming back together. */
const JITTER = 0.1;

export const SLOW_LANE_MS = 300_000;
export const GIVES_UP_AFTER_MS = 86_400_000;
/** How long a send keeps other publishers off, in ms. */
export const LEASE_MS = 15_000;
/**
 * Longer than any schedule before the slow lane: who has not arrived by then is worth an operator's
 * look.
 */
export const DELIVERY_SLA_MS = 600_000;

/**
 * The pause after the `attempts`th send since the message was made or last redriven, in ms.
 *
 * @param random in [0, 1)
 */
export function pauseAfter({ pausesMs, slowMs }: DeliverySchedule, attempts: number, random: number): number {
  const pauseMs = pausesMs[attempts - 1] ?? slowMs;
  return Math.round(pauseMs * (1 - JITTER + 2 * JITTER * random));
}

/**
 * Whether a message has been tried for long enough: by the clock, and by half as many sends as fit
 * into that time. A clock that is far ahead for one reading gives nothing up, nor does a time in
 * which nothing could be sent.
 */
export function isGivenUp(
  { givesUpAfterMs, slowMs }: DeliverySchedule,
  message: TriedMessage,
  nowMs: number,
): boolean {
  return (
    nowMs - message.drivenAtMs >= givesUpAfterMs &&
    message.attempts - message.attemptsBefore >= givesUpAfterMs / slowMs / 2
  );
}

/**
 * No schedule puts a message off for longer, in ms, whatever machine's clock did it: what lies
 * further ahead was put there by a clock gone wrong.
 */
export function longestPauseMs({ pausesMs, slowMs }: DeliverySchedule): number {
  return Math.max(slowMs, ...pausesMs) * (1 + JITTER) + CLOCK_SKEW_MS;
}

/**
 * Within what time a movement on an account is published, in ms: long enough to publish many at
 * once.
 */
export const CHANGES_WITHIN_MS = 1_000;
