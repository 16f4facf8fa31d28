import { peerOf, type LedgerName } from "../../../src/contracts/ledger.ts";
import { firstIdAt } from "../../../src/contracts/id-time.ts";
import type { ReconcilableLedger } from "../../../src/bff/ops/reconcilable-ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { DELIVERY_SLA_MS } from "../../../src/ledger/biz/delivery-schedule.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Reconciliation } from "../../../src/ledger/data/d1-reconciliation.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { UNLIMITED } from "../../ledger/support/ledger-d1.ts";
import { migrationsOf } from "./migrations.ts";
import { sqliteD1, type SqliteD1 } from "./sqlite-d1.ts";

const START_MS = 1_800_000_000_000;

export interface Sent {
  readonly id: string;
  readonly from: LedgerName;
  readonly userId: string;
  readonly amount: number;
}

/**
 * Both ledgers' real SQL over SQLite in memory, each step of a transfer made by hand, on a clock
 * that is turned.
 */
export class TwoLedgers {
  readonly db: Readonly<Record<LedgerName, SqliteD1>> = {
    wallet: sqliteD1(migrationsOf("ledger")),
    savings: sqliteD1(migrationsOf("ledger")),
  };
  nowMs = START_MS;
  #ids = 0;

  /** A new id, made now or so long ago. */
  newId(agoMs = 0): string {
    this.#ids += 1;
    return `${firstIdAt(this.nowMs - agoMs)}-7000-8000-${String(this.#ids).padStart(12, "0")}`;
  }

  async deposit(userId: string, amount: number): Promise<string> {
    const id = this.newId();
    const common = {
      id,
      actor: "op",
      userId,
      key: id,
      payloadHash: "h",
      auditId: id,
      nowMs: this.nowMs,
      limits: UNLIMITED,
    };
    await d1Transfers(this.db.wallet, "wallet").deposit({ ...common, amount: amountOf(amount) });
    return id;
  }

  async reverseDeposit(id: string): Promise<void> {
    const ids = { id: this.newId(), actor: "op", auditId: this.newId() };
    await d1Transfers(this.db.wallet, "wallet").reverseDeposit(id, { ...ids, nowMs: this.nowMs });
  }

  async debit(from: LedgerName, userId: string, amount: number): Promise<Sent> {
    const id = this.newId();
    const common = { id, owner: userId, key: id, payloadHash: "h", nowMs: this.nowMs, nextAtMs: this.nowMs };
    await d1Transfers(this.db[from], from).open({ ...common, amount: amountOf(amount) });
    return { id, from, userId, amount };
  }

  async credit({ id, from, userId, amount }: Sent): Promise<void> {
    const message = { v: 1, transferId: id, from, userId, amount: amountOf(amount), attempt: 1 } as const;
    await d1Inbox(this.db[peerOf(from)]).credit(message, this.newId(), this.nowMs);
  }

  async settle({ id, from }: Sent): Promise<void> {
    await d1Outbox(this.db[from]).settle(id, this.nowMs);
  }

  refund({ id, from }: Sent): Promise<void> {
    return d1Outbox(this.db[from]).reverse(id, { id: this.newId(), nowMs: this.nowMs });
  }

  async arrive(sent: Sent): Promise<void> {
    await this.credit(sent);
    await this.settle(sent);
  }

  /** Changes what nothing of ours would, also what is never changed. */
  tamper(ledger: LedgerName, sql: string, ...values: readonly (string | number)[]): void {
    const { sqlite } = this.db[ledger];
    sqlite.exec("DROP TRIGGER IF EXISTS entry_never_updated; DROP TRIGGER IF EXISTS entry_never_deleted");
    const { changes } = sqlite.prepare(sql).run(...values);
    if (changes === 0) throw new Error(`nothing was changed by ${sql}`);
  }

  /** As a reconciliation asks it. `before` runs before each answer. */
  reconcilable(ledger: LedgerName, before: () => Promise<void> = async () => undefined): ReconcilableLedger {
    const store = d1Reconciliation(this.db[ledger]);
    const own: ReconcilableLedger = {
      ...store,
      progress: async () => ({ ...(await store.progress()), nowMs: this.nowMs }),
      books: ({ withSums }) => store.books(this.nowMs - DELIVERY_SLA_MS, withSums),
      passedAccounts: (step) => store.passedAccounts(step, this.nowMs),
    };
    return Object.fromEntries(
      Object.entries(own).map(([name, method]) => [
        name,
        async (...args: readonly never[]) => {
          await before();
          return (method as (...args: readonly never[]) => unknown)(...args);
        },
      ]),
    ) as unknown as ReconcilableLedger;
  }
}
