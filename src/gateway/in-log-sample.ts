/*
 * Where the last seven bytes of the trace id begin in a `traceparent`, and the first half of them
 * ends. Those seven are random in whatever trace (W3C Trace Context, level 2), while what comes
 * before may be a time, or zeros.
 */
const RANDOM_FROM = 21;
const RANDOM_TO = 29;
const RANDOM_VALUES = 2 ** 32;

/**
 * Whether a trace is one of those whose hot requests are logged: one in `oneIn`, by its id alone,
 * so that a trace that comes back is decided as before. As OpenTelemetry samples by ratio: the
 * random bytes against a threshold. Who keeps 1 in 1,000 keeps some of those that 1 in 100 keeps.
 */
export function isInLogSample(traceparent: string, oneIn: number): boolean {
  const random = Number.parseInt(traceparent.slice(RANDOM_FROM, RANDOM_TO), 16);
  return random >= RANDOM_VALUES * (1 - 1 / oneIn);
}
