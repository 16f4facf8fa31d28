/** A call had no answer when its time was up. */
export class CallTimeoutError extends Error {
  override readonly name = "CallTimeoutError";
}

/** Puts a limit on how long an answer is waited for. */
export interface CallTimer {
  /**
   * The answer, or a {@link CallTimeoutError} after `limitMs`. The call is not cancelled; a late
   * answer is dropped.
   */
  withTimeout<T>(answer: Promise<T>, limitMs: number): Promise<T>;
}

/**
 * For workers whose runtime drops what a finished request has left behind: a timer is started and
 * never cleared, since an abort signal and `clearTimeout` would each cost some of the throughput.
 */
export const requestTimer: CallTimer = {
  withTimeout: (answer, limitMs) =>
    new Promise((resolve, reject) => {
      setTimeout(() => reject(timeoutAfter(limitMs)), limitMs);
      answer.then(resolve, reject);
    }),
};

/** For objects, queues and crons, which live on: a timer left behind would keep them awake. */
export const clearingTimer: CallTimer = {
  async withTimeout(answer, limitMs) {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(timeoutAfter(limitMs)), limitMs);
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  },
};

function timeoutAfter(limitMs: number): CallTimeoutError {
  return new CallTimeoutError(`no answer within ${Math.round(limitMs)} ms`);
}
