import { peerOf, type DeliveryReport, type LedgerChange, type LedgerName } from "../../src/contracts/ledger.ts";
import { ChangeTailer } from "../../src/ledger/biz/change-tailer.ts";
import { createDeposit } from "../../src/ledger/biz/deposits.ts";
import type { Delivery } from "../../src/ledger/biz/delivery.ts";
import { Operators } from "../../src/ledger/biz/operators.ts";
import type { ChangeStore, DeliverySender, Ids, PeerLedger, TransferStore } from "../../src/ledger/biz/ports.ts";
import { Publisher } from "../../src/ledger/biz/publisher.ts";
import { publishOnce } from "../../src/ledger/biz/publishing-loop.ts";
import { Receiver } from "../../src/ledger/biz/receiver.ts";
import { Settlement } from "../../src/ledger/biz/settlement.ts";
import { createSweep } from "../../src/ledger/biz/sweep.ts";
import { Transfers } from "../../src/ledger/biz/transfers.ts";
import { d1Changes } from "../../src/ledger/data/d1-changes.ts";
import { d1DeadLetters } from "../../src/ledger/data/d1-dead-letters.ts";
import { d1Inbox } from "../../src/ledger/data/d1-inbox.ts";
import { d1Operators } from "../../src/ledger/data/d1-operators.ts";
import { d1Outbox } from "../../src/ledger/data/d1-outbox.ts";
import { d1Retention } from "../../src/ledger/data/d1-retention.ts";
import { payloadHash as hashPayload } from "../../src/ledger/data/payload-hash.ts";
import { d1Transfers } from "../../src/ledger/data/d1-transfers.ts";
import { ledgerMigrations } from "../support/ledger-migrations.ts";
import { sqliteD1, type SqliteD1 } from "../support/sqlite-d1.ts";
import { SimProcess, type Kernel } from "./kernel.ts";
import { NO_TROUBLE } from "./trouble.ts";
import { remoteD1, type RemoteCall } from "./remote-d1.ts";
import { SimQueue } from "./sim-queue.ts";

const MIGRATIONS = ledgerMigrations();
const SCHEDULE = { pausesMs: [2_000, 4_000, 10_000, 60_000, 180_000], slowMs: 300_000, givesUpAfterMs: 86_400_000 };
const QUEUE_RETRIES_MAX = 10;
const CRON_MS = 60_000;
/** In quiet times the cron comes less often, for the sake of the simulation's speed. */
const QUIET_CRON_MS = 300_000;

/** The query with something changed, or as it was where it has nothing of the kind. */
export type Rewrite = (query: string) => string;

/** One guard, broken on purpose. Everything absent is as it should be. */
export interface Mutation {
  readonly name: string;
  /** Changes of the SQL, made one after the other. */
  readonly rewrites?: readonly Rewrite[];
  readonly transferStore?: (store: TransferStore, sender: DeliverySender, ledger: LedgerName) => TransferStore;
  readonly changeStore?: (store: ChangeStore) => ChangeStore;
  readonly peer?: (peer: PeerLedger) => PeerLedger;
  readonly receiver?: (receive: Receiver["receive"]) => Receiver["receive"];
  readonly hasAlarm?: boolean;
  readonly hasCron?: boolean;
}

export const HEALTHY: Mutation = { name: "nothing" };

/** One ledger with everything around it: its database, its queue, its publisher's alarm, its cron, and what came of its change stream. */
export interface SimLedger {
  readonly name: LedgerName;
  readonly process: SimProcess;
  readonly db: SqliteD1;
  readonly published: LedgerChange[][];
  /** Every send of a message: `<transfer>:<attempt>`. */
  readonly sends: string[];
  queue: SimQueue;
  transfers: Transfers;
  deposit: ReturnType<typeof createDeposit>;
  operators: Operators;
  settlement: Settlement;
}

/** Both ledgers of the real classes, over the real SQL, in a simulated world. */
export function simLedgers(kernel: Kernel, mutation: Mutation): Readonly<Record<LedgerName, SimLedger>> {
  const ledgers = {} as Record<LedgerName, SimLedger>;
  for (const name of ["wallet", "savings"] as const) ledgers[name] = simLedger(kernel, name, mutation, () => ledgers[peerOf(name)]);
  return ledgers;
}

function simLedger(kernel: Kernel, name: LedgerName, mutation: Mutation, peer: () => SimLedger): SimLedger {
  const process = new SimProcess(name, () => build());
  const db = sqliteD1(MIGRATIONS);
  const ledger = { name, process, db, published: [], sends: [] } as unknown as SimLedger;
  const { now, random } = kernel;
  let alarmAtMs: number | null = null;
  let names = 0;
  const newId = (): string => {
    names += 1;
    const time = kernel.nowMs.toString(16).padStart(12, "0");
    const luck = Math.floor(random() * 0xffff_ffff)
      .toString(16)
      .padStart(8, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8${name === "wallet" ? "aaa" : "bbb"}-${luck}${names.toString(16).padStart(4, "0")}`;
  };
  const ids: Ids = { id: newId, token: newId };

  const setAlarm = (atMs: number): void => {
    if (mutation.hasAlarm === false || (alarmAtMs !== null && alarmAtMs <= atMs)) return;
    alarmAtMs = atMs;
    kernel.after(Math.max(0, atMs - kernel.nowMs) + Math.floor(random() * 500), `${name}: alarm`, () => {
      if (alarmAtMs !== atMs) return;
      alarmAtMs = null;
      runAlarm();
    });
  };
  let runAlarm = (): void => undefined;
  let sweep: (scheduledAtMs: number) => Promise<void> = async () => undefined;

  /** What an isolate builds when it starts; after a crash it is built anew. */
  function build(): void {
    const call: RemoteCall = (what, effect) => kernel.call(process, what, effect);
    const remote = remoteD1(call, db, (query) => (mutation.rewrites ?? []).reduce((text, rewrite) => rewrite(text), query));
    const onFailure = (): void => undefined;
    let armedAtMs = 0;
    const wakePublisher = (atMs: number): void => {
      if (armedAtMs > kernel.nowMs && armedAtMs <= atMs) return;
      armedAtMs = atMs;
      kernel.call(process, "wake the publisher", () => setAlarm(atMs)).catch(() => (armedAtMs = 0));
    };
    const sender: DeliverySender = {
      send: (deliveries) =>
        kernel.call(process, "send deliveries", () => {
          for (const { transferId, attempt } of deliveries) ledger.sends.push(`${transferId}:${attempt}`);
          peer().queue.send(deliveries);
        }),
    };
    const own: PeerLedger = {
      name: peerOf(name),
      report: (report: DeliveryReport) => kernel.rpc(process, `report ${report.result}`, () => peer().settlement.report(report)),
      fence: (id) => kernel.rpc(process, "fence", () => peer().settlement.fence(id)),
    };
    const theirs = mutation.peer?.(own) ?? own;
    const inbox = d1Inbox(remote);
    const outbox = d1Outbox(remote);
    const plainStore = d1Transfers(remote, name);
    const store = mutation.transferStore?.(plainStore, sender, name) ?? plainStore;
    const plainChanges = d1Changes(remote, name);
    const changes = mutation.changeStore?.(plainChanges) ?? plainChanges;
    const settlement = new Settlement({ outbox, inbox, schedule: SCHEDULE, wakePublisher, ids, now });
    const publisher = new Publisher({ ledger: name, outbox, sender, schedule: SCHEDULE, now, random });
    const receiver = new Receiver({ store: inbox, deadLetters: d1DeadLetters(remote, now), peer: theirs, wakePublisher, ids, now });
    const sink = {
      publish: (batch: readonly LedgerChange[]) => kernel.call(process, "publish changes", () => void ledger.published.push([...batch])),
    };
    const tailer = new ChangeTailer({ store: changes, sink });
    const background = (work: Promise<unknown>): void => void work;
    ledger.settlement = settlement;
    ledger.transfers = new Transfers({
      ledger: name,
      store,
      sender,
      schedule: SCHEDULE,
      wakePublisher,
      background,
      onFailure,
      hashPayload,
      ids,
      now,
      random,
    });
    ledger.deposit = createDeposit({ store, wakePublisher, hashPayload, ids, now });
    ledger.operators = new Operators({ store: d1Operators(remote), settlement, peer: theirs, wakePublisher, ids, now });
    const receive = receiver.receive.bind(receiver);
    ledger.queue ??= new SimQueue({
      kernel,
      name: `${name}-deliveries`,
      consume: (message) => consume(message),
      bury: (message) => bury(message),
      consumer: process,
      retriesMax: QUEUE_RETRIES_MAX,
    });
    consume = mutation.receiver?.(receive) ?? receive;
    bury = receiver.keepDeadLetter.bind(receiver);
    runAlarm = () => {
      const { life } = process;
      // An alarm whose object died in it comes again.
      kernel.after(20_000, "", () => {
        if (process.life !== life) setAlarm(kernel.nowMs);
      });
      void publishOnce({ publisher, tailer, now, onFailure }).then((nextAtMs) => {
        if (nextAtMs !== null) setAlarm(nextAtMs);
      });
    };
    sweep = createSweep({
      publisher,
      outbox,
      schedule: SCHEDULE,
      retention: d1Retention(remote),
      changes,
      changeStream: true,
      wakePublisher,
      now,
      onFailure,
    });
  }
  let consume: Receiver["receive"] = async () => undefined;
  let bury: Receiver["keepDeadLetter"] = async () => undefined;
  build();

  const tick = (): void => {
    if (mutation.hasCron !== false) void sweep(kernel.nowMs);
    kernel.after(kernel.trouble === NO_TROUBLE ? QUIET_CRON_MS : CRON_MS, "", tick);
  };
  kernel.after(CRON_MS, "", tick);
  return ledger;
}

export type { Delivery };
