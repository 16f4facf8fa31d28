import type { IdentityAccounts } from "../../contracts/identity.ts";
import { audienceOf } from "../../contracts/internal-request.ts";
import { internalTokenVerifier } from "../../platform/internal-token.ts";
import { createLogger } from "../../platform/logger.ts";
import { bindRpc } from "../../platform/rpc.ts";
import { createAccountApp } from "./account-app.ts";
import { readBffConfig } from "../../platform/bff-config.ts";

const now = Date.now;

/** Everything an isolate of the account BFF runs on. */
export function wire(env: AccountBffEnv) {
  const { LOG_LEVEL, INTERNAL_JWKS } = readBffConfig(env);
  const audience = audienceOf("account");
  return createAccountApp({
    identity: bindRpc<IdentityAccounts>(env.IDENTITY),
    verifyInternalToken: internalTokenVerifier({ jwks: INTERNAL_JWKS, audience, now }),
    logger: createLogger({ worker: audience, level: LOG_LEVEL }),
    now,
  });
}
