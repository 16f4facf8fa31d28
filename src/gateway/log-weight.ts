import { isInLogSample } from "./in-log-sample.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

/** A request is slow, and logged for it, once it takes more than this share of its route's time. */
export const SLOW_SHARE = 0.5;
/** What the gateway's own answers may take, in ms: none of them has a route. */
const OWN_TIMEOUT_MS = 1_000;

/**
 * How many requests each line about this one stands for, as far as it can be known at its start;
 * null where it is one of those that look alike and nobody logs. All workers on its way decide by
 * it, so that a request is logged whole or not at all.
 */
export function weightAtStart(
  { isHot = false }: Pick<Route, "isHot">,
  traceparent: string,
  logSample: number,
): number | null {
  if (!isHot) return 1;
  return isInLogSample(traceparent, logSample) ? logSample : null;
}

/**
 * The same of the gateway's own line, which knows the end: what was refused, failed or was slow is
 * always told, and then stands for itself alone, in a sampled trace too: all such lines are there.
 * What the gateway answers without a route (who it is, whether it lives) is as hot as can be.
 */
export function weightAtEnd(
  { route, logWeight, traceparent }: Pick<GatewayScope, "route" | "logWeight" | "traceparent">,
  status: number,
  ms: number,
  logSample: number,
): number | null {
  if (status >= 400 || ms > (route?.timeoutMs ?? OWN_TIMEOUT_MS) * SLOW_SHARE) return 1;
  return route === null ? weightAtStart({ isHot: true }, traceparent, logSample) : logWeight;
}
