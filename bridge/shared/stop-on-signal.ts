/**
 * Ends the process when it is told to, after what `close` waits for. It is told twice where npm and
 * the terminal both do, or somebody is impatient: what is under way is answered all the same.
 */
export function stopOnSignal(
  close: () => Promise<void>,
  onStop: (signal: NodeJS.Signals) => void = () => undefined,
): void {
  let isStopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      onStop(signal);
      void close().then(() => process.exit(0));
    });
}
