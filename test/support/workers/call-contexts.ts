import type { CallContext } from "../../../src/contracts/call-context.ts";
import type { Role } from "../../../src/contracts/permissions.ts";

/**
 * The context of a call that has so much time, in ms, in the name of a user who may do anything.
 */
export function contextOf(remainingMs: number, userId = "0190a1b2-0000-7000-8000-000000000001"): CallContext {
  const roles: readonly Role[] = ["user", "admin"];
  return {
    requestId: "request-1",
    traceparent: "",
    remainingMs,
    principal: { userId, sessionId: "s-1", roles },
    clientAddress: "192.0.2.1",
  };
}
