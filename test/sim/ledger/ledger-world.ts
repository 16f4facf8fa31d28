import { deliveryReportSchema } from "../../../src/contracts/ledger-arguments.ts";
import { peerOf, transferIdSchema, type LedgerChange } from "../../../src/contracts/ledger.ts";
import type { LedgerSettlement } from "../../../src/contracts/ledger-entrypoints.ts";
import { ChangeTailer } from "../../../src/ledger/biz/change-tailer.ts";
import { Deposits } from "../../../src/ledger/biz/deposits.ts";
import { GIVES_UP_AFTER_MS, SLOW_LANE_MS } from "../../../src/ledger/biz/delivery-schedule.ts";
import { Operators } from "../../../src/ledger/biz/operators.ts";
import type { DeliverySender, OutboxStore, TransferStore } from "../../../src/ledger/biz/ports.ts";
import { Publisher } from "../../../src/ledger/biz/publisher.ts";
import { publishOnce } from "../../../src/ledger/biz/publish-once.ts";
import { Receiver } from "../../../src/ledger/biz/receiver.ts";
import { Settlement } from "../../../src/ledger/biz/settlement.ts";
import { createSweep } from "../../../src/ledger/biz/sweep.ts";
import { Transfers } from "../../../src/ledger/biz/transfers.ts";
import { d1Changes } from "../../../src/ledger/data/d1-changes.ts";
import { d1DeadLetters } from "../../../src/ledger/data/d1-dead-letters.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Operators } from "../../../src/ledger/data/d1-operators.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Refused } from "../../../src/ledger/data/d1-refused.ts";
import { d1Retention } from "../../../src/ledger/data/d1-retention.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { payloadHash as hashPayload } from "../../../src/ledger/data/payload-hash.ts";
import { peerLedger } from "../../../src/ledger/data/peer-ledger.ts";
import { publisherWaker } from "../../../src/ledger/data/publisher-waker.ts";
import { queueChangeSink, queueDeliverySender } from "../../../src/ledger/data/queues.ts";
import { queueConsumer } from "../../../src/ledger/service/queue-consumer.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { guardedD1 } from "../../../src/platform/guard/guarded-d1.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import type { ObjectNamespace } from "../../../src/platform/objects.ts";
import { currentPatience } from "../../../src/platform/call/current-patience.ts";
import { validate } from "../../../src/platform/validate.ts";
import { UNLIMITED } from "../../ledger/support/ledger-d1.ts";
import { InjectedError, type SimProcess } from "../kernel/kernel.ts";
import { simGuards } from "../kernel/sim-guard.ts";
import type { LedgerPlace } from "./ledger-place.ts";

/*
 * PLACE OF CONSTRUCTION: here an isolate of a ledger is built over simulated bindings, as `wire.ts`
 * and the entrypoints do it, and nowhere else. When a constructor changes, this file does.
 */

const SCHEDULE = {
  pausesMs: [2_000, 4_000, 10_000, 60_000, 180_000],
  slowMs: SLOW_LANE_MS,
  givesUpAfterMs: GIVES_UP_AFTER_MS,
};
const DELIVERIES_PER_SECOND = 50;
const MAX_CONCURRENT = 64;
const LOGGER = createLogger({ worker: "simulated", level: "silent" });

const onFailure = (): void => undefined;
const background = (work: Promise<unknown>): void => void work;

/** The calls that leave an isolate of `place`, each behind its guard. */
function isolateCalls(place: LedgerPlace, process: SimProcess, now: () => number) {
  const { kernel, mutation, counters } = place.world;
  const { name } = place;
  const peerName = peerOf(name);
  const makeGuard = simGuards({ kernel, process, now, note: counters.note });
  const call = <T>(what: string, effect: () => T | Promise<T>): Promise<T> =>
    kernel.call(process, what, effect);
  const rewrite = (query: string): string =>
    (mutation.rewrites ?? []).reduce((text, change) => change(text), query);
  const atPeer = <T>(what: string, effect: (peer: LedgerPlace) => Promise<T>): Promise<T> =>
    call(what, () => {
      if (place.peer.isCutOff) throw new InjectedError(`${peerName} is out of reach`);
      return effect(place.peer);
    });
  const service: LedgerSettlement = {
    report: (ctx, report) =>
      atPeer(`report ${report.result}`, (peer) =>
        peer.serve(ctx, ({ settlement }) =>
          settlement.report(validate(deliveryReportSchema, report, "report")),
        ),
      ),
    fence: (ctx, id) =>
      atPeer("fence", (peer) =>
        peer.serve(ctx, ({ settlement }) => settlement.fence(validate(transferIdSchema, id, "transferId"))),
      ),
  };
  const deliveries = {
    sendBatch: (messages: readonly { body: unknown }[]) =>
      call("send deliveries", () => place.peer.take(messages)),
  };
  const changes = {
    send: (body: unknown) =>
      call("publish changes", () => place.publish((body as { changes: LedgerChange[] }).changes)),
  };
  const namespace = {
    idFromName: (id: string) => id,
    get: () => ({ wake: (atMs: number) => call("wake the publisher", () => place.publisher.wake(atMs)) }),
  };
  const db = place.database.reachedBy(call, rewrite);
  return {
    db: guardedD1(db, {
      guard: makeGuard(`${name}-db`, {
        timeoutMs: CALL_TIMEOUT_MS.moneyDatabase,
        maxConcurrent: MAX_CONCURRENT,
      }),
      patience: currentPatience,
    }),
    peer: peerLedger(
      peerName,
      guardedRpc(
        service,
        makeGuard(peerName, { timeoutMs: CALL_TIMEOUT_MS.moneyRpc, maxConcurrent: MAX_CONCURRENT }),
      ),
      now,
    ),
    sender: queueDeliverySender(
      { ...deliveries, send: changes.send },
      makeGuard(`${peerName}-queue`, { timeoutMs: CALL_TIMEOUT_MS.queue, maxConcurrent: MAX_CONCURRENT }),
    ),
    sink: queueChangeSink(
      { ...deliveries, send: changes.send },
      makeGuard(`${name}-changes`, { timeoutMs: CALL_TIMEOUT_MS.queue, maxConcurrent: MAX_CONCURRENT }),
    ),
    wakePublisher: publisherWaker({
      namespace: namespace as unknown as ObjectNamespace,
      guard: makeGuard(`${name}-publisher`, {
        timeoutMs: CALL_TIMEOUT_MS.rpc,
        maxConcurrent: MAX_CONCURRENT,
      }),
      background,
      now,
      onFailure,
    }),
  };
}

/** Everything that an isolate runs on, built anew whenever it starts. */
export function ledgerIsolate(place: LedgerPlace, process: SimProcess, now: () => number) {
  const { kernel, mutation } = place.world;
  const { random } = kernel;
  const ledger = place.name;
  const { db, peer: own, sender: plainSender, sink, wakePublisher } = isolateCalls(place, process, now);
  const peer = mutation.peer?.(own) ?? own;
  const sender = watchedSender(plainSender, place);
  const plainInbox = d1Inbox(db);
  const inbox = mutation.inboxStore?.(plainInbox) ?? plainInbox;
  const plainOutbox = watchedOutbox(d1Outbox(db));
  const outbox = mutation.outboxStore?.(plainOutbox) ?? plainOutbox;
  const plainStore: TransferStore = d1Transfers(db, ledger);
  const store = mutation.transferStore?.(plainStore, sender, ledger) ?? plainStore;
  const plainChanges = d1Changes(db, ledger);
  const changes = mutation.changeStore?.(plainChanges) ?? plainChanges;
  const plainLetters = d1DeadLetters(db, now);
  const deadLetters = mutation.deadLetters?.(plainLetters) ?? plainLetters;
  const ids = { id: () => place.world.newId(now()), token: () => place.world.newId(now()) };
  const schedule = SCHEDULE;
  const settlement = new Settlement({
    outbox,
    inbox,
    schedule,
    wakePublisher,
    tellSettled: () => undefined,
    ids,
    now,
  });
  const publisher = new Publisher({
    ledger,
    outbox,
    sender,
    schedule,
    deliveriesPerSecond: DELIVERIES_PER_SECOND,
    now,
    random,
  });
  const wakeForChanges = place.isStreaming ? wakePublisher : (): void => undefined;
  const receiver = new Receiver({
    store: inbox,
    deadLetters,
    peer,
    wakePublisher: wakeForChanges,
    ids,
    now,
  });
  const tailer = place.isStreaming ? new ChangeTailer({ store: changes, sink, now }) : null;
  return {
    store,
    transfers: new Transfers({
      ledger,
      store,
      sender,
      schedule,
      wakePublisher,
      background,
      onFailure,
      hashPayload,
      ids,
      now,
      random,
    }),
    deposits: new Deposits({
      store,
      limits: UNLIMITED,
      wakePublisher: wakeForChanges,
      hashPayload,
      ids,
      now,
    }),
    settlement,
    operators: new Operators({
      store: d1Operators(db),
      deadLetters,
      settlement,
      peer,
      wakePublisher,
      ids,
      now,
    }),
    consume: queueConsumer({ receiver, logger: LOGGER }),
    publishOnce: () => publishOnce({ publisher, tailer, now, onFailure }),
    sweep: createSweep({
      publisher,
      outbox,
      schedule,
      retentions: [d1Retention(db), d1Refused(db)],
      changes,
      changeStream: place.isStreaming,
      wakePublisher,
      now,
      onFailure,
    }),
  };
}

export type LedgerIsolate = ReturnType<typeof ledgerIsolate>;

/**
 * Knows each attempt that a sender was asked to send; what its guard does to get it through is no
 * other attempt.
 */
function watchedSender(sender: DeliverySender, place: LedgerPlace): DeliverySender {
  return {
    send: (deliveries) => {
      for (const { transferId, attempt } of deliveries) place.noteSend(transferId, attempt);
      return sender.send(deliveries);
    },
  };
}

/**
 * Writes beside each reason which send it is about, so that the row can be held against it: see
 * {@link sendOf}.
 */
function watchedOutbox(outbox: OutboxStore): OutboxStore {
  return {
    ...outbox,
    park: (id, attempts, reason) => outbox.park(id, attempts, `${reason} [send ${attempts}]`),
    release: (id, attempts, reason) => outbox.release(id, attempts, `${reason} [send ${attempts}]`),
  };
}

/** Which send the error of a message is about; null where nobody has said. */
export function sendOf(lastError: string | null): number | null {
  const [, send] = /\[send (\d+)\]$/.exec(lastError ?? "") ?? [];
  return send === undefined ? null : Number(send);
}
