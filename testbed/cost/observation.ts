/** As much of `[observability]` in a wrangler.toml as decides what is billed. */
export interface ObservabilitySettings {
  readonly enabled?: boolean | undefined;
  readonly head_sampling_rate?: number | undefined;
  readonly logs?:
    | {
        readonly enabled?: boolean | undefined;
        readonly head_sampling_rate?: number | undefined;
        readonly invocation_logs?: boolean | undefined;
      }
    | undefined;
  readonly traces?:
    | { readonly enabled?: boolean | undefined; readonly head_sampling_rate?: number | undefined }
    | undefined;
}

/** The share of each that is kept, and so billed: 0 where it is off. */
export interface Observation {
  readonly lines: number;
  readonly invocations: number;
  readonly spans: number;
}

/**
 * What of a worker is kept. Sampling is by the invocation and takes its lines with it, so that a
 * share of the lines is a share of what they cost. Lines and invocations are kept by default, spans
 * where they are asked for.
 */
export function observationOf({
  enabled = false,
  head_sampling_rate: rate = 1,
  logs = {},
  traces = {},
}: ObservabilitySettings): Observation {
  const lines = (logs.enabled ?? enabled) ? (logs.head_sampling_rate ?? rate) : 0;
  return {
    lines,
    invocations: (logs.invocation_logs ?? true) ? lines : 0,
    spans: (traces.enabled ?? false) ? (traces.head_sampling_rate ?? 1) : 0,
  };
}
