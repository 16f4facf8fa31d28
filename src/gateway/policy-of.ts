import type { LimitPolicyName } from "./limit-policies.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

/**
 * Which quota a request counts against: by its route, or by none where the path has no such method,
 * and by who sends it. Nowhere else is that decided: a policy for one kind of client alone would
 * look at the scope's `clientKind` here.
 */
export function policyOf(
  { principal }: Pick<GatewayScope, "principal" | "clientKind">,
  route?: Pick<Route, "limit" | "permission">,
): LimitPolicyName {
  const limit = route?.limit ?? "default";
  if (principal !== null) return limit;
  // A route that is open to strangers may have a policy for them. On all others they are anonymous,
  // those with a bad token too.
  return route === undefined || route.permission !== null || limit === "default" ? "anonymous" : limit;
}
