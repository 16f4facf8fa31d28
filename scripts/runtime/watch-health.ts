import { LaunchError } from "./launch-error.ts";

const PERIOD_MS = 3_000;
/** How long an answer may take, and the pause after one that failed at once. */
const TIMEOUT_MS = 3_000;
const PAUSE_AFTER_MISS_MS = 1_000;
const MISSES_MAX = 3;

interface WatchDeps {
  /**
   * Resolves if the platform has answered, whatever it said; rejects if it has not by the time that
   * `signal` fires.
   */
  readonly ask: (signal: AbortSignal) => Promise<unknown>;
  /** Resolves after so long, or when `signal` fires. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Watches a runtime that runs but may have frozen: the system reports its death, but not its
 * silence. Throws {@link LaunchError} after three questions in a row that nobody answered; counted,
 * not timed, so that a laptop may sleep. Returns when `signal` fires.
 */
export async function watchHealth({ ask, pause }: WatchDeps, signal: AbortSignal): Promise<void> {
  let misses = 0;
  while (!signal.aborted) {
    const answered = await ask(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])).then(
      () => true,
      () => signal.aborted,
    );
    misses = answered ? 0 : misses + 1;
    if (misses >= MISSES_MAX) {
      throw new LaunchError(
        `the runtime (workerd) has frozen: /healthz was silent ${MISSES_MAX} times, ${TIMEOUT_MS / 1000} s each; everything stops`,
      );
    }
    await pause(answered ? PERIOD_MS : PAUSE_AFTER_MISS_MS, signal);
  }
}

/** The real ones: `/healthz` over HTTP, and a timer. */
export function healthOf(url: string): WatchDeps {
  return {
    ask: (signal) => fetch(`${url}/healthz`, { signal }).then((response) => response.arrayBuffer()),
    pause: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
      }),
  };
}
