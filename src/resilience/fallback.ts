/** A value, or what stands in for it. */
export type Degradable<T, F> =
  | { readonly value: T; readonly degraded: false }
  | { readonly value: F; readonly degraded: true; readonly error: unknown };

/**
 * The call's value; where it fails, what `fallback` makes of the error (something stale, a
 * default), marked as degraded. A fallback that throws is a failure: its error goes on. Source:
 * Hystrix, "Fallback"; SRE book, ch. 22, "Graceful degradation".
 */
export async function withFallback<T, F>(
  call: () => Promise<T>,
  fallback: (error: unknown) => F | Promise<F>,
): Promise<Degradable<T, F>> {
  try {
    return { value: await call(), degraded: false };
  } catch (error) {
    return { value: await fallback(error), degraded: true, error };
  }
}
