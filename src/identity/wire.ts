import { waitUntil } from "cloudflare:workers";
import type { RateWindowRpc } from "../contracts/durable.ts";
import type { HistoryErasure } from "../contracts/history.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { requestTimer } from "../platform/guard/call-timer.ts";
import type { MakeGuard } from "../platform/guard/guard-kit.ts";
import { guardedD1 } from "../platform/guard/guarded-d1.ts";
import { guardedRpc } from "../platform/guard/guarded-rpc.ts";
import { failureLine, type Logger } from "../platform/logger.ts";
import { objectsOf } from "../platform/objects.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentPatience, patienceToSpend } from "../platform/call/current-patience.ts";
import { bindRpc } from "../platform/call/rpc.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { sleep } from "../platform/sleep.ts";
import { AccountBook } from "./biz/account-book.ts";
import { CellCheck } from "./biz/cell-check.ts";
import { homesBy } from "./biz/cell-of.ts";
import { Erasures } from "./biz/erasures.ts";
import { HashLane } from "./biz/hash-lane.ts";
import { KeyRing } from "./biz/key-ring.ts";
import { REFRESHES_PER_MINUTE } from "./biz/lifetimes.ts";
import { OperatorAccount } from "./biz/operator-account.ts";
import { pacedHasher } from "./biz/paced-hasher.ts";
import { PasswordCheck } from "./biz/password-check.ts";
import { pullRevocations } from "./biz/revocation-list.ts";
import { Sessions } from "./biz/sessions.ts";
import { createSetRoles } from "./biz/set-roles.ts";
import { createSignIn } from "./biz/sign-in.ts";
import { createSweep } from "./biz/sweep.ts";
import { readIdentityConfig } from "./config.ts";
import { d1Accounts } from "./data/d1-accounts.ts";
import { d1Audit } from "./data/d1-audit.ts";
import { d1Cells } from "./data/d1-cells.ts";
import { d1Erasures } from "./data/d1-erasures.ts";
import { d1Exchanges } from "./data/d1-exchanges.ts";
import { d1Overview } from "./data/d1-overview.ts";
import { d1Retention } from "./data/d1-retention.ts";
import { d1Sessions } from "./data/d1-sessions.ts";
import { d1SigningKeys } from "./data/d1-signing-keys.ts";
import { d1Trades } from "./data/d1-trades.ts";
import { deviceTokens } from "./data/device-tokens.ts";
import { failureCounts } from "./data/failure-counts.ts";
import { historyEraser } from "./data/history-eraser.ts";
import { keyVault } from "./data/key-vault.ts";
import { operatorSecret } from "./data/operator-secret.ts";
import { refreshTokens } from "./data/refresh-tokens.ts";
import { scryptHasher } from "./data/scrypt-hasher.ts";
import { secretSource as secrets } from "./data/secret-source.ts";

const now = Date.now;
/** A Worker has six connections at once; what waits beyond them waits in vain. */
const MAX_CONCURRENT_QUERIES = 64;
const MAX_CONCURRENT = 64;
const UNAPPLIED =
  "the account with ADMIN_EMAIL was not made by it, or its KEY_ENCRYPTION_KEY is gone: its own password holds. Change that, or log in once with ADMIN_PASSWORD as it was";

/**
 * The database. What changes accounts and sessions may be slow, and so may what is read for it.
 * Mere reads wait no longer than those of any other page, behind a guard of their own: what is late
 * for them is in time for a refresh, and with one breaker for both a slow database would refuse all
 * refreshes.
 */
function wireDatabases(env: IdentityEnv, makeGuard: MakeGuard) {
  const guard = makeGuard("identity-db", {
    timeoutMs: CALL_TIMEOUT_MS.accountDatabase,
    maxConcurrent: MAX_CONCURRENT_QUERIES,
  });
  const readersGuard = makeGuard("identity-db-readers", {
    timeoutMs: CALL_TIMEOUT_MS.database,
    maxConcurrent: MAX_CONCURRENT_QUERIES,
  });
  return {
    db: guardedD1(env.IDENTITY_DB, { guard, patience: currentPatience }),
    readersDb: guardedD1(env.IDENTITY_DB, { guard: readersGuard, patience: currentPatience }),
    jobsDb: guardedD1(env.IDENTITY_DB, { guard, patience: currentPatience, timeoutMs: CALL_TIMEOUT_MS.job }),
    tradesDb: guardedD1(env.IDENTITY_DB, { guard, patience: () => patienceToSpend(now) }),
  };
}

/** What carries erasures to the history. */
function wireErasures(env: IdentityEnv, db: D1Database, makeGuard: MakeGuard, logger: Logger): Erasures {
  return new Erasures({
    store: d1Erasures(db),
    eraseHistory: historyEraser(
      guardedRpc(
        bindRpc<HistoryErasure>(env.HISTORY),
        makeGuard("history", { timeoutMs: CALL_TIMEOUT_MS.erasureRpc, maxConcurrent: MAX_CONCURRENT }),
      ),
      now,
    ),
    now,
    onFailure: failureLine(logger, "erasure failed"),
  });
}

/** Everything an isolate of the identity worker runs on, one constructor call each. */
export const wire = oncePerEnv((env: IdentityEnv) => {
  const config = readIdentityConfig(env);
  const { logger, makeGuard } = wireWorker({
    name: "playhead-identity",
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: requestTimer,
    background: waitUntil,
  });
  const { db, readersDb, jobsDb, tradesDb } = wireDatabases(env, makeGuard);
  const accountStore = d1Accounts(db);
  const accountReader = d1Accounts(readersDb);
  const sessionReader = d1Sessions(readersDb);
  const overview = d1Overview(readersDb);
  const operator = operatorSecret({
    email: config.ADMIN_EMAIL,
    password: config.ADMIN_PASSWORD,
    sealing: config.KEY_ENCRYPTION_KEY,
  });
  const operatorAccount = new OperatorAccount({
    accounts: accountStore,
    operator,
    secrets,
    now,
    onUnapplied: (userId) => logger.warn("ADMIN_PASSWORD is not applied", { userId, why: UNAPPLIED }),
  });
  // What signs may wait for its keys as long as for the rest; what gateways are told is read like
  // any page. Each ring knows what another isolate's would.
  const onReplaced = (kid: string): void =>
    logger.warn("signing keys replaced: none could be opened; was KEY_ENCRYPTION_KEY changed?", { kid });
  const vault = keyVault(config.KEY_ENCRYPTION_KEY);
  const keys = new KeyRing({ store: d1SigningKeys(db), vault, secrets, now, onReplaced });
  const publishedKeys = new KeyRing({ store: d1SigningKeys(readersDb), vault, secrets, now, onReplaced });
  const sessions = new Sessions({
    store: { ...d1Sessions(db), ...d1Trades(tradesDb), ...d1Exchanges(tradesDb) },
    keys,
    secrets,
    tokens: refreshTokens(config.KEY_ENCRYPTION_KEY),
    ageMsMax: config.SESSION_AGE_MS_MAX,
    refreshLimit: {
      limit: Math.max(1, Math.round(REFRESHES_PER_MINUTE * config.RATE_LIMIT_SCALE)),
      windowMs: 60_000,
    },
    leewayMs: config.REFRESH_LEEWAY_MS,
    now,
  });
  const erasures = wireErasures(env, db, makeGuard, logger);
  const failures = failureCounts({
    windowOf: objectsOf<RateWindowRpc>(env.RATE_WINDOW),
    guard: makeGuard("rate-window", {
      timeoutMs: CALL_TIMEOUT_MS.rpc,
      maxConcurrent: MAX_CONCURRENT,
      failsApart: true,
    }),
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
  const devices = deviceTokens({
    secrets: config.KEY_ENCRYPTION_KEY,
    newDeviceId: () => secrets.newId(),
    now,
  });
  const bookDeps = { passwords, failures, operator, secrets, homeOf: homesBy(config.CELL_OF), now };
  const book = new AccountBook({ store: accountReader, ...bookDeps });
  const cellCheck = new CellCheck({
    cells: config.CELLS,
    store: d1Cells(readersDb),
    now,
    onRefused: (why) => logger.error("worker refused to start", { causes: why }),
  });
  return {
    now,
    logger,
    begin: () => cellCheck.begin(),
    accounts: new AccountBook({ store: accountStore, ...bookDeps }),
    profileOf: (userId: string) => book.profile(userId),
    signIn: createSignIn({
      accounts: accountStore,
      passwords,
      operator,
      operatorAccount,
      sessions,
      failures,
      devices,
    }),
    setRoles: createSetRoles({ accounts: accountStore, secrets, now }),
    accountState: (userId: string) => accountReader.state(userId),
    pullRevocations: (sinceMs: number) => pullRevocations(sessionReader, now, sinceMs),
    sessions,
    keys: {
      rotate: (actor: string) => keys.rotate(actor),
      distrust: (actor: string, kid: string) => keys.distrust(actor, kid),
      publicKeys: () => publishedKeys.publicKeys(),
    },
    erasures,
    auditTrail: d1Audit(readersDb),
    overview: () => overview.count(now()),
    ping: () => overview.ping(),
    sweep: createSweep({
      erasures,
      retentions: [d1Retention(jobsDb)],
      now,
      onFailure: failureLine(logger, "sweep failed"),
    }),
  };
});
