import { codeOf, describeCauses, ERROR_CATALOGUE, isRefusal } from "../contracts/errors.ts";
import { requestFields, type Logger } from "../platform/logger.ts";
import type { Clock } from "../resilience/clock.ts";
import { weightAtEnd } from "./log-weight.ts";
import type { GatewayScope } from "./request-scope.ts";

export interface RequestLineDeps {
  readonly logger: Logger;
  readonly now: Clock;
  /** Of successes that look alike one in so many is logged. */
  readonly logSample: number;
}

/**
 * At most one line a request, which decides for itself at the end (docs/design/logs.md); of one
 * that isn't written nothing is made. An error of the gateway's own making is told here and nowhere
 * else; a BFF has told its own.
 */
export function logRequest(
  { logger, now, logSample }: RequestLineDeps,
  request: Request,
  status: number,
  scope: GatewayScope,
): void {
  const ms = now() - scope.startedAtMs;
  const weight = weightAtEnd(scope, status, ms, logSample);
  if (weight === null) return;
  const code = scope.failure === null ? undefined : codeOf(scope.failure);
  const isFailure = code !== undefined && ERROR_CATALOGUE[code].status >= 500;
  // A refusal is no fault, and under overload there are thousands of them in a second. Nor is it
  // one of ours that a client wanted no more time.
  const isOurFault = isFailure && !isRefusal(code) && !(code === "DEADLINE_EXCEEDED" && scope.isHurried);
  const level = isOurFault ? "error" : "info";
  logger[level]("request", {
    method: request.method,
    route: scope.route?.path,
    path: scope.route === null ? scope.path.slice(0, 200) : undefined,
    status,
    ms,
    ...requestFields({ requestId: scope.requestId, traceparent: scope.traceparent, logWeight: weight }),
    userId: scope.principal?.userId,
    code,
    causes: isFailure ? describeCauses(scope.failure) : undefined,
  });
}
