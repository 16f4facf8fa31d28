import type { RequestScope } from "../../platform/call/request-scope.ts";

/** Kept back from the request's time to assemble and send the answer, in ms. */
const ASSEMBLY_MS = 50;

/**
 * A request whose parts have a little less time than it has itself. Guards answer by the deadline
 * at the latest: late parts are known in time to send the others.
 */
export function inTimeToAssemble(scope: RequestScope): RequestScope {
  return { ...scope, deadlineAtMs: scope.deadlineAtMs - ASSEMBLY_MS };
}
