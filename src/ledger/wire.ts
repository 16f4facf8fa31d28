import { waitUntil } from "cloudflare:workers";
import { FAULT_BOARD_NAME, type FaultBoardRpc, type FaultTarget } from "../contracts/durable.ts";
import { describeCauses } from "../contracts/errors.ts";
import { peerOf } from "../contracts/ledger.ts";
import type { LedgerSettlement } from "../contracts/ledger-entrypoints.ts";
import { CALL_QUOTA_MS } from "../platform/call-quotas.ts";
import { clearingTimer } from "../platform/call-timer.ts";
import { faultInjector } from "../platform/faults.ts";
import { guardedD1 } from "../platform/guarded-d1.ts";
import { guardedRpc } from "../platform/guarded-rpc.ts";
import { createLogger } from "../platform/logger.ts";
import { objectsOf } from "../platform/objects.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentPatience } from "../platform/request-scope.ts";
import { bindRpc } from "../platform/rpc.ts";
import { wireGuards } from "../platform/wire-guards.ts";
import { ChangeTailer } from "./biz/change-tailer.ts";
import { Deposits } from "./biz/deposits.ts";
import { GIVES_UP_AFTER_MS, SLOW_LANE_MS } from "./biz/delivery-schedule.ts";
import { Operators } from "./biz/operators.ts";
import { Publisher } from "./biz/publisher.ts";
import { publishOnce } from "./biz/publishing-loop.ts";
import { Receiver } from "./biz/receiver.ts";
import { Settlement } from "./biz/settlement.ts";
import { createSweep, retentionOf } from "./biz/sweep.ts";
import { Transfers } from "./biz/transfers.ts";
import { readLedgerConfig } from "./config.ts";
import { d1Audit } from "./data/d1-audit.ts";
import { d1Changes } from "./data/d1-changes.ts";
import { d1DeadLetters } from "./data/d1-dead-letters.ts";
import { isDataFault } from "./data/d1-errors.ts";
import { d1Inbox } from "./data/d1-inbox.ts";
import { d1Operators } from "./data/d1-operators.ts";
import { d1Outbox } from "./data/d1-outbox.ts";
import { d1Reconciliation } from "./data/d1-reconciliation.ts";
import { d1Refused } from "./data/d1-refused.ts";
import { d1Retention } from "./data/d1-retention.ts";
import { d1Statement } from "./data/d1-statement.ts";
import { d1Transfers } from "./data/d1-transfers.ts";
import { faultyInbox } from "./data/faulty-inbox.ts";
import { ids } from "./data/ids.ts";
import { payloadHash as hashPayload } from "./data/payload-hash.ts";
import { peerLedger } from "./data/peer-ledger.ts";
import { publisherWaker } from "./data/publisher-waker.ts";
import { queueChangeSink, queueDeliverySender } from "./data/queues.ts";
import { deliveryConsumer } from "./service/delivery-consumer.ts";
import type { OutboxPublisherDeps } from "./service/outbox-publisher-object.ts";

const now = Date.now;
const random = Math.random;
const PLACES = 64;

/** The calls that leave a ledger, each behind its guard. */
function wireCalls(
  env: LedgerEnv,
  config: ReturnType<typeof readLedgerConfig>,
  logger: ReturnType<typeof createLogger>,
) {
  const ledger = config.LEDGER;
  const peer = peerOf(ledger);
  const places = { readsMax: PLACES, writesMax: PLACES };
  const makeGuard = wireGuards({
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: clearingTimer,
    background: waitUntil,
    logger,
  });
  const onFailure = (what: string, error: unknown): void =>
    logger.error("ledger failed", { what, causes: describeCauses(error) });
  const peerGuard = makeGuard(peer, { quotaMs: CALL_QUOTA_MS.moneyRpc, ...places });
  const guard = makeGuard(`${ledger}-db`, { quotaMs: CALL_QUOTA_MS.moneyDatabase, ...places });
  const db = guardedD1(env.LEDGER_DB, { guard, patience: currentPatience, isDataFault });
  // Whoever looks at their money waits no longer than for any other page, behind a guard of their
  // own: what is late for them is in good time for a transfer, and with one breaker for both a slow
  // database would refuse all of those.
  const readersGuard = makeGuard(`${ledger}-db-readers`, { quotaMs: CALL_QUOTA_MS.database, ...places });
  const readersDb = guardedD1(env.LEDGER_DB, { guard: readersGuard, patience: currentPatience, isDataFault });
  const inbox = d1Inbox(db);
  // A stub belongs to the request that made it.
  const boards = objectsOf<FaultBoardRpc>(env.FAULT_BOARD);
  const faults = {
    board: {
      faultOf: (bootId: string, target: FaultTarget) => boards(FAULT_BOARD_NAME).faultOf(bootId, target),
    },
    bootId: config.BOOT_ID,
    target: ledger,
    random,
    sleep: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)),
  };
  return {
    db,
    readersDb,
    inbox: config.FAULTS === "on" ? faultyInbox(inbox, faultInjector(faults)) : inbox,
    peer: peerLedger(peer, guardedRpc(bindRpc<LedgerSettlement>(env.PEER), peerGuard), now),
    sender: queueDeliverySender(
      env.PEER_QUEUE,
      makeGuard(`${peer}-queue`, { quotaMs: CALL_QUOTA_MS.queue, ...places }),
    ),
    sink: queueChangeSink(
      env.CHANGES_QUEUE,
      makeGuard(`${ledger}-changes`, { quotaMs: CALL_QUOTA_MS.queue, ...places }),
    ),
    wakePublisher: publisherWaker({
      namespace: env.PUBLISHER,
      guard: makeGuard(`${ledger}-publisher`, { quotaMs: CALL_QUOTA_MS.rpc, ...places }),
      background: waitUntil,
      now,
      onFailure,
    }),
    onFailure,
  };
}

/** Everything an isolate of a ledger runs on, one constructor call each. */
export const wire = oncePerEnv((env: LedgerEnv) => {
  const config = readLedgerConfig(env);
  const ledger = config.LEDGER;
  const logger = createLogger({ worker: `playhead-${ledger}`, level: config.LOG_LEVEL });
  const { db, readersDb, inbox, peer, sender, sink, wakePublisher, onFailure } = wireCalls(
    env,
    config,
    logger,
  );
  const schedule = {
    pausesMs: config.DELIVERY_SCHEDULE_MS,
    slowMs: SLOW_LANE_MS,
    givesUpAfterMs: GIVES_UP_AFTER_MS,
  };
  const store = d1Transfers(db, ledger);
  const outbox = d1Outbox(db);
  const operatorStore = d1Operators(db);
  const changes = d1Changes(db, ledger);
  const settlement = new Settlement({ outbox, inbox, schedule, wakePublisher, ids, now });
  const deliveriesPerSecond = config.DELIVERIES_PER_SECOND;
  const publisher = new Publisher({ ledger, outbox, sender, schedule, deliveriesPerSecond, now, random });
  const deadLetters = d1DeadLetters(db, now);
  const receiver = new Receiver({ store: inbox, deadLetters, peer, wakePublisher, ids, now });
  return {
    store: d1Transfers(readersDb, ledger),
    statement: d1Statement(readersDb),
    transfers: new Transfers({
      ledger,
      store,
      sender,
      schedule,
      wakePublisher,
      background: waitUntil,
      onFailure,
      hashPayload,
      ids,
      now,
      random,
    }),
    deposits: new Deposits({
      store,
      limits: { depositMax: config.DEPOSIT_MAX, depositsPerDayMax: config.DEPOSITS_PER_DAY_MAX },
      wakePublisher,
      hashPayload,
      ids,
      now,
    }),
    settlement,
    operators: new Operators({
      store: operatorStore,
      deadLetters,
      settlement,
      peer,
      wakePublisher,
      ids,
      now,
    }),
    operatorStore,
    deadLetters,
    auditTrail: d1Audit(db),
    reconciliation: d1Reconciliation(db),
    changes,
    consume: deliveryConsumer({ receiver, logger }),
    publishOnce: () =>
      publishOnce({ publisher, tailer: new ChangeTailer({ store: changes, sink }), now, onFailure }),
    sweep: createSweep({
      publisher,
      outbox,
      schedule,
      retention: retentionOf(d1Retention(db), d1Refused(db)),
      changes,
      changeStream: config.CHANGE_STREAM === "on",
      wakePublisher,
      now,
      onFailure,
    }),
  };
});

/** Of the publisher's object, which must be able to say that its ledger can't be wired. */
export const publisherLogger = createLogger({ worker: "playhead-ledger", level: "warn" });

/** What the publisher's object runs on. */
export function wirePublisher(env: LedgerEnv): OutboxPublisherDeps {
  return wire(env);
}
