import { problemResponse } from "../platform/http/problem.ts";
import type { GatewayScope } from "./request-scope.ts";

/** The error as the request's answer; the request's one log line tells of it. */
export function problemIn(
  scope: GatewayScope,
  error: unknown,
  more: Pick<Parameters<typeof problemResponse>[1], "headers" | "extra"> = {},
): Response {
  scope.failure = error;
  return problemResponse(error, { requestId: scope.requestId, instance: scope.path, ...more });
}
