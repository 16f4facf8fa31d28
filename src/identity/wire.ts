import { waitUntil } from "cloudflare:workers";
import type { RateWindowRpc } from "../contracts/durable.ts";
import { describeCauses } from "../contracts/errors.ts";
import type { HistoryErasure } from "../contracts/history.ts";
import { CALL_QUOTA_MS } from "../platform/call-quotas.ts";
import { requestTimer } from "../platform/call-timer.ts";
import { guardedD1 } from "../platform/guarded-d1.ts";
import { guardedRpc } from "../platform/guarded-rpc.ts";
import { createLogger } from "../platform/logger.ts";
import { objectsOf } from "../platform/objects.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentPatience } from "../platform/request-scope.ts";
import { bindRpc } from "../platform/rpc.ts";
import { wireGuards } from "../platform/wire-guards.ts";
import { AccountBook } from "./biz/account-book.ts";
import { Erasures } from "./biz/erasures.ts";
import { HashLane } from "./biz/hash-lane.ts";
import { KeyRing } from "./biz/key-ring.ts";
import { pacedHasher } from "./biz/paced-hasher.ts";
import { PasswordCheck } from "./biz/password-check.ts";
import { pullRevocations } from "./biz/revocation-list.ts";
import { Sessions } from "./biz/sessions.ts";
import { createSetRoles } from "./biz/set-roles.ts";
import { createSignIn } from "./biz/sign-in.ts";
import { readIdentityConfig } from "./config.ts";
import { d1Accounts } from "./data/d1-accounts.ts";
import { d1Audit } from "./data/d1-audit.ts";
import { d1Erasures } from "./data/d1-erasures.ts";
import { d1Sessions } from "./data/d1-sessions.ts";
import { d1SigningKeys } from "./data/d1-signing-keys.ts";
import { d1Upkeep } from "./data/d1-upkeep.ts";
import { deviceTokens } from "./data/device-tokens.ts";
import { failureCounts } from "./data/failure-counts.ts";
import { historyEraser } from "./data/history-eraser.ts";
import { keyVault } from "./data/key-vault.ts";
import { operatorSecret } from "./data/operator-secret.ts";
import { scryptHasher } from "./data/scrypt-hasher.ts";
import { secretSource as secrets } from "./data/secret-source.ts";
import { createSweep } from "./service/sweep.ts";

const now = Date.now;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** A Worker has six connections at once; what waits beyond them waits in vain. */
const DATABASE_PLACES = 64;
const PLACES = 64;

/** Everything an isolate of the identity worker runs on, one constructor call each. */
export const wire = oncePerEnv((env: IdentityEnv) => {
  const config = readIdentityConfig(env);
  const logger = createLogger({ worker: "playhead-identity", level: config.LOG_LEVEL });
  const makeGuard = wireGuards({
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: requestTimer,
    background: waitUntil,
    logger,
  });
  const db = guardedD1(env.IDENTITY_DB, {
    guard: makeGuard("identity-db", { quotaMs: CALL_QUOTA_MS.database, readsMax: DATABASE_PLACES, writesMax: DATABASE_PLACES }),
    patience: currentPatience,
  });
  const accountStore = d1Accounts(db);
  const sessionStore = d1Sessions(db);
  const upkeep = d1Upkeep(db);
  const operator = operatorSecret(config.ADMIN_EMAIL, config.ADMIN_PASSWORD);
  const keys = new KeyRing({ store: d1SigningKeys(db), vault: keyVault(config.KEY_ENCRYPTION_KEY), secrets, now });
  const sessions = new Sessions({ store: sessionStore, keys, secrets, now });
  const erasures = new Erasures({
    store: d1Erasures(db),
    eraseHistory: historyEraser(
      guardedRpc(
        bindRpc<HistoryErasure>(env.HISTORY),
        makeGuard("history", { quotaMs: CALL_QUOTA_MS.erasureRpc, readsMax: PLACES, writesMax: PLACES }),
      ),
      now,
    ),
    now,
    onFailure: (what, error) => logger.error("erasure failed", { what, causes: describeCauses(error) }),
  });
  const failures = failureCounts({
    windowOf: objectsOf<RateWindowRpc>(env.RATE_WINDOW),
    guard: makeGuard("rate-window", { quotaMs: CALL_QUOTA_MS.rpc, readsMax: PLACES, writesMax: PLACES }),
    scale: config.RATE_LIMIT_SCALE,
    now,
    background: waitUntil,
  });
  const lane = new HashLane({
    now,
    sleep,
    patienceMs: () => currentPatience().deadlineAtMs - now(),
    keep: waitUntil,
  });
  const passwords = new PasswordCheck({ hasher: pacedHasher({ hasher: scryptHasher, now, sleep }), lane });
  const devices = deviceTokens({ secrets: [config.KEY_ENCRYPTION_KEY], newDeviceId: () => secrets.newId(), now });
  return {
    accounts: new AccountBook({ store: accountStore, passwords, failures, operator, secrets, now }),
    signIn: createSignIn({ accounts: accountStore, passwords, operator, secrets, sessions, failures, devices, now }),
    setRoles: createSetRoles({ accounts: accountStore, secrets, now }),
    accountState: (userId: string) => accountStore.state(userId),
    pullRevocations: (sinceMs: number) => pullRevocations(sessionStore, now, sinceMs),
    sessions,
    keys,
    erasures,
    auditTrail: d1Audit(db),
    overview: () => upkeep.count(now()),
    ping: () => upkeep.ping(),
    sweep: createSweep({ pruning: upkeep, erasures, now, logger }),
  };
});
