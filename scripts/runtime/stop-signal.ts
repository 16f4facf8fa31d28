import { LaunchError } from "./launch-error.ts";

/**
 * Fires when the user or the system tells this process to stop, which from then on doesn't end by
 * itself: whoever asks ends what it has begun.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => controller.abort(new LaunchError("stopped before it was done")));
  return controller.signal;
}
