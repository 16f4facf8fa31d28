import { waitUntil } from "cloudflare:workers";
import { peerOf, type LedgerName } from "../contracts/ledger.ts";
import type { LedgerSettlement } from "../contracts/ledger-entrypoints.ts";
import type { RealtimePushes } from "../contracts/realtime-rpc.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { clearingTimer } from "../platform/guard/call-timer.ts";
import { faultInjector } from "../platform/guard/faults.ts";
import type { Guard } from "../platform/guard/guard.ts";
import { guardedD1 } from "../platform/guard/guarded-d1.ts";
import { guardedRpc } from "../platform/guard/guarded-rpc.ts";
import { kafkaRest } from "../platform/kafka/kafka-rest.ts";
import { KAFKA_MISSING, kafkaAccess } from "../platform/kafka/kafka-vars.ts";
import { createLogger, failureLine } from "../platform/logger.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentPatience } from "../platform/call/current-patience.ts";
import { bindRpc } from "../platform/call/rpc.ts";
import { sleep } from "../platform/sleep.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { ChangeTailer } from "./biz/change-tailer.ts";
import { Deposits } from "./biz/deposits.ts";
import { GIVES_UP_AFTER_MS, SLOW_LANE_MS } from "./biz/delivery-schedule.ts";
import { Operators } from "./biz/operators.ts";
import type { ChangeSink, TellSettled } from "./biz/ports.ts";
import { Publisher } from "./biz/publisher.ts";
import { publishOnce } from "./biz/publish-once.ts";
import { Receiver } from "./biz/receiver.ts";
import { reconciliationAt } from "./biz/reconciliation.ts";
import { Settlement } from "./biz/settlement.ts";
import { createSweep } from "./biz/sweep.ts";
import { Transfers } from "./biz/transfers.ts";
import { readLedgerConfig } from "./config.ts";
import { changePipeline, kafkaChangeSink, pipelineChangeSink } from "./data/change-sinks.ts";
import { d1Audit } from "./data/d1-audit.ts";
import { d1Changes } from "./data/d1-changes.ts";
import { d1DeadLetters } from "./data/d1-dead-letters.ts";
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
import { settledNews } from "./data/settled-news.ts";
import { queueConsumer } from "./service/queue-consumer.ts";
import type { OutboxPublisherDeps } from "./service/outbox-publisher-object.ts";

const now = Date.now;
const random = Math.random;
const MAX_CONCURRENT = 64;
/** Users who are told at once that their money has arrived: beyond that they aren't. */
const NEWS_CONCURRENT_MAX = 16;

/** The calls that leave a ledger, each behind its guard. */
function wireCalls(env: LedgerEnv, config: ReturnType<typeof readLedgerConfig>) {
  const ledger = config.LEDGER;
  const peer = peerOf(ledger);
  const { logger, makeGuard, faults } = wireWorker({
    name: `playhead-${ledger}`,
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: clearingTimer,
    background: waitUntil,
  });
  const onFailure = failureLine(logger, "ledger failed");
  const peerGuard = makeGuard(peer, { timeoutMs: CALL_TIMEOUT_MS.moneyRpc, maxConcurrent: MAX_CONCURRENT });
  const guard = makeGuard(`${ledger}-db`, {
    timeoutMs: CALL_TIMEOUT_MS.moneyDatabase,
    maxConcurrent: MAX_CONCURRENT,
  });
  const db = guardedD1(env.LEDGER_DB, { guard, patience: currentPatience });
  // Mere reads wait no longer than those of any other page, behind a guard of their own: what is
  // late for them is in time for a transfer, and with one breaker for both a slow database would
  // refuse all transfers.
  const readersGuard = makeGuard(`${ledger}-db-readers`, {
    timeoutMs: CALL_TIMEOUT_MS.database,
    maxConcurrent: MAX_CONCURRENT,
  });
  const readersDb = guardedD1(env.LEDGER_DB, { guard: readersGuard, patience: currentPatience });
  const inbox = d1Inbox(db);
  return {
    db,
    readersDb,
    inbox:
      faults === null
        ? inbox
        : faultyInbox(inbox, faultInjector({ ...faults, target: ledger, random, sleep })),
    peer: peerLedger(peer, guardedRpc(bindRpc<LedgerSettlement>(env.PEER), peerGuard), now),
    sender: queueDeliverySender(
      env.PEER_QUEUE,
      makeGuard(`${peer}-queue`, { timeoutMs: CALL_TIMEOUT_MS.queue, maxConcurrent: MAX_CONCURRENT }),
    ),
    sink: wireSink(
      env,
      config,
      makeGuard(`${ledger}-changes`, { timeoutMs: CALL_TIMEOUT_MS.queue, maxConcurrent: MAX_CONCURRENT }),
    ),
    wakePublisher: publisherWaker({
      namespace: env.PUBLISHER,
      guard: makeGuard(`${ledger}-publisher`, {
        timeoutMs: CALL_TIMEOUT_MS.rpc,
        maxConcurrent: MAX_CONCURRENT,
      }),
      background: waitUntil,
      now,
      onFailure,
    }),
    tellSettled: wireNews(env, ledger, { makeGuard, logger }),
    onFailure,
    logger,
  };
}

/** Where changes go; null: nowhere. */
function wireSink(
  env: LedgerEnv,
  config: ReturnType<typeof readLedgerConfig>,
  guard: Guard,
): ChangeSink | null {
  if (config.CHANGE_SINK === "off") return null;
  if (config.CHANGE_SINK === "queue") return queueChangeSink(env.CHANGES_QUEUE, guard);
  if (config.CHANGE_SINK === "pipeline") return pipelineChangeSink(changePipeline(env), guard);
  const access = kafkaAccess(config);
  if (access === null) throw new RangeError(`CHANGE_SINK ${KAFKA_MISSING}`);
  return kafkaChangeSink(kafkaRest(access), guard, config.LEDGER);
}

/** Who tells users that their money has arrived; nobody where no sockets are bound. */
function wireNews(
  { REALTIME }: Partial<LedgerEnv>,
  from: LedgerName,
  { makeGuard, logger }: Pick<ReturnType<typeof wireWorker>, "makeGuard" | "logger">,
): TellSettled {
  if (REALTIME === undefined) return () => undefined;
  const guard = makeGuard("realtime-pushes", {
    timeoutMs: CALL_TIMEOUT_MS.push,
    maxConcurrent: NEWS_CONCURRENT_MAX,
  });
  return settledNews({
    from,
    to: peerOf(from),
    pushes: guardedRpc(bindRpc<RealtimePushes>(REALTIME), guard),
    background: waitUntil,
    now,
    onFailure: failureLine(logger, "news not told"),
  });
}

/** Everything an isolate of a ledger runs on, one constructor call each. */
export const wire = oncePerEnv((env: LedgerEnv) => {
  const config = readLedgerConfig(env);
  const ledger = config.LEDGER;
  const { db, readersDb, inbox, peer, sender, sink, wakePublisher, tellSettled, onFailure, logger } =
    wireCalls(env, config);
  const schedule = {
    pausesMs: config.DELIVERY_SCHEDULE_MS,
    slowMs: SLOW_LANE_MS,
    givesUpAfterMs: GIVES_UP_AFTER_MS,
  };
  const store = d1Transfers(db, ledger);
  const outbox = d1Outbox(db);
  const operatorStore = d1Operators(db);
  const changes = d1Changes(db, ledger);
  const isStreaming = sink !== null;
  const tailer = sink === null ? null : new ChangeTailer({ store: changes, sink, now });
  /** Of those who have nothing to be sent but their changes. */
  const wakeForChanges = isStreaming ? wakePublisher : () => undefined;
  const settlement = new Settlement({ outbox, inbox, schedule, wakePublisher, tellSettled, ids, now });
  const deliveriesPerSecond = config.DELIVERIES_PER_SECOND;
  const publisher = new Publisher({ ledger, outbox, sender, schedule, deliveriesPerSecond, now, random });
  const deadLetters = d1DeadLetters(db, now);
  const receiver = new Receiver({ store: inbox, deadLetters, peer, wakePublisher: wakeForChanges, ids, now });
  return {
    now,
    logger,
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
      wakePublisher: wakeForChanges,
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
    reconciliation: reconciliationAt(now, d1Reconciliation(db)),
    changes,
    changeSink: config.CHANGE_SINK,
    consume: queueConsumer({ receiver, logger }),
    publishOnce: () => publishOnce({ publisher, tailer, now, onFailure }),
    sweep: createSweep({
      publisher,
      outbox,
      schedule,
      retentions: [d1Retention(db), d1Refused(db)],
      changes,
      changeStream: isStreaming,
      wakePublisher,
      now,
      onFailure: failureLine(logger, "sweep failed"),
    }),
  };
});

/** Of the publisher's object, which must be able to say that its ledger can't be wired. */
export const publisherFrame = { logger: createLogger({ worker: "playhead-ledger", level: "warn" }), now };

/** What the publisher's object runs on. */
export function wirePublisher(env: LedgerEnv): OutboxPublisherDeps {
  return wire(env);
}
