import { clientKeyOf, networkKeyOf } from "./client-key.ts";
import type { Admission, ClientLimits, Denial } from "./client-limits.ts";
import type { LimitPolicies, LimitPolicy } from "./limit-policies.ts";
import { policyOf } from "./policy-of.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

export interface CountDeps {
  readonly limits: Pick<ClientLimits, "admit">;
  readonly policies: LimitPolicies;
}

/**
 * Counts the request against its client's quota, and where nobody is signed in against its
 * network's. Answers the denial, if there is one; what the answer's headers say of the quota is in
 * the scope then. Mostly there is nothing to wait for. Throws `UNAVAILABLE` where a closed policy
 * can't be asked.
 */
export function countRequest(
  { limits, policies }: CountDeps,
  scope: GatewayScope,
  headers: Headers,
  route?: Route,
): Denial | null | Promise<Denial | null> {
  const policy = policies[policyOf(scope, route)];
  const client = clientKeyOf(scope.principal, headers, policy.isOfSession);
  // The client's first: one that has used up its own would else use up its neighbours' as well.
  const own = limits.admit(policy, client, scope);
  const network = scope.principal === null && policy.network !== undefined ? networkKeyOf(headers) : null;
  if (network !== null && policy.network !== undefined)
    return countInNetwork(limits, scope, own, policy.network, network);
  return own instanceof Promise ? own.then((admission) => told(scope, admission)) : told(scope, own);
}

/** What is told is the client's own, unless it is the network that has nothing left. */
async function countInNetwork(
  limits: CountDeps["limits"],
  scope: GatewayScope,
  own: Admission | Promise<Admission>,
  policy: LimitPolicy,
  network: string,
): Promise<Denial | null> {
  const denial = told(scope, await own);
  if (denial !== null) return denial;
  const admission = await limits.admit(policy, network, scope);
  return admission.kind === "denied" ? told(scope, admission) : null;
}

function told(scope: GatewayScope, admission: Admission): Denial | null {
  scope.quota = admission.quota;
  return admission.kind === "denied" ? admission : null;
}
