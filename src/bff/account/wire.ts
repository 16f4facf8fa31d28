import { waitUntil } from "cloudflare:workers";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { CALL_TIMEOUT_MS } from "../../platform/guard/call-timeouts.ts";
import { guardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { bindRpc } from "../../platform/call/rpc.ts";
import { wireBff } from "../../platform/bff/wire-bff.ts";
import { createAccountApp } from "./account-app.ts";

const MAX_CONCURRENT = 256;
/** More than identity takes on at once: who is refused there is told so at once. */
const MAX_CONCURRENT_PASSWORDS = 64;

/** Everything an isolate of the account BFF runs on. */
export function wire(env: AccountBffEnv) {
  const { shared, makeGuard } = wireBff({
    name: "account",
    vars: env,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    background: waitUntil,
  });
  const identity = bindRpc<IdentityAccounts>(env.IDENTITY);
  const guard = makeGuard("identity", {
    timeoutMs: CALL_TIMEOUT_MS.rpc,
    maxConcurrent: MAX_CONCURRENT,
    maxConcurrentDear: MAX_CONCURRENT_PASSWORDS,
  });
  return createAccountApp({
    ...shared,
    identity: guardedRpc(identity, guard),
    sessions: guardedRpc(identity, guard, { timeoutMs: CALL_TIMEOUT_MS.sessionRpc }),
    passwords: guardedRpc(identity, guard, { timeoutMs: CALL_TIMEOUT_MS.passwordRpc, isDear: true }),
  });
}
