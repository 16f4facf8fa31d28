/** A call had no answer when its time was up. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/** Puts a limit on how long an answer is waited for. */
export interface CallTimer {
  /**
   * The answer, or a {@link LateError} after `limitMs`. The call is not cancelled; a late answer is
   * dropped.
   */
  inTime<T>(answer: Promise<T>, limitMs: number): Promise<T>;
}

/**
 * For workers whose runtime drops what a finished request has left behind: a timer is started and
 * never cleared, since an abort signal and `clearTimeout` would each cost some of the throughput.
 */
export const requestTimer: CallTimer = {
  inTime: (answer, limitMs) =>
    new Promise((resolve, reject) => {
      setTimeout(() => reject(lateAfter(limitMs)), limitMs);
      answer.then(resolve, reject);
    }),
};

/** For objects, queues and crons, which live on: a timer left behind would keep them awake. */
export const clearingTimer: CallTimer = {
  async inTime(answer, limitMs) {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(lateAfter(limitMs)), limitMs);
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  },
};

function lateAfter(limitMs: number): LateError {
  return new LateError(`no answer within ${Math.round(limitMs)} ms`);
}
