import { waitUntil } from "cloudflare:workers";
import type { IdentityAccounts } from "../../contracts/identity.ts";
import { audienceOf } from "../../contracts/internal-request.ts";
import { readBffConfig } from "../../platform/bff-config.ts";
import { CALL_QUOTA_MS } from "../../platform/call-quotas.ts";
import { requestTimer } from "../../platform/call-timer.ts";
import { guardedRpc } from "../../platform/guarded-rpc.ts";
import { internalTokenVerifier } from "../../platform/internal-token.ts";
import { createLogger } from "../../platform/logger.ts";
import { bindRpc } from "../../platform/rpc.ts";
import { wireGuards } from "../../platform/wire-guards.ts";
import { createAccountApp } from "./account-app.ts";

const now = Date.now;
const MAX_CONCURRENT = 256;
/** More than identity takes on at once: who is refused there is told so at once. */
const MAX_CONCURRENT_PASSWORDS = 64;

/** Everything an isolate of the account BFF runs on. */
export function wire(env: AccountBffEnv) {
  const config = readBffConfig(env);
  const audience = audienceOf("account");
  const logger = createLogger({ worker: audience, level: config.LOG_LEVEL });
  const makeGuard = wireGuards({
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: requestTimer,
    background: waitUntil,
    logger,
  });
  const identity = bindRpc<IdentityAccounts>(env.IDENTITY);
  const guard = makeGuard("identity", {
    quotaMs: CALL_QUOTA_MS.rpc,
    maxConcurrent: MAX_CONCURRENT,
    maxConcurrentDear: MAX_CONCURRENT_PASSWORDS,
  });
  return createAccountApp({
    identity: guardedRpc(identity, guard),
    sessions: guardedRpc(identity, guard, { quotaMs: CALL_QUOTA_MS.sessionRpc }),
    passwords: guardedRpc(identity, guard, { quotaMs: CALL_QUOTA_MS.passwordRpc, isDear: true }),
    verifyInternalToken: internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience, now }),
    logger,
    now,
  });
}
