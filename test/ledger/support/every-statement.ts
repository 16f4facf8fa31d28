import { createMessageBatch } from "cloudflare:test";
import {
  CHANGES_PER_PAGE_MAX,
  MESSAGES_PER_PAGE_MAX,
  TRANSFERS_PER_PAGE_MAX,
} from "../../../src/contracts/ledger.ts";
import {
  ACCOUNTS_PER_PAGE_MAX,
  COMPARED_PER_PAGE_MAX,
} from "../../../src/contracts/ledger-reconciliation.ts";
import { CUT_MOVEMENTS_MAX, STATEMENT_PAGE_MAX } from "../../../src/contracts/ledger-statement.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { placeOf, statementPage } from "../../../src/ledger/biz/statement.ts";
import type { wire } from "../../../src/ledger/wire.ts";
import { HEAVY } from "./full-ledger.ts";
import { db, delivery, newId } from "./ledger-worker.ts";

type Ledger = ReturnType<typeof wire>;

const LETTERS = "playhead-wallet-deliveries-dead";
/** A page, and one more that tells whether another follows. */
const PAGE = TRANSFERS_PER_PAGE_MAX + 1;

const some = (prefix: string, count: number, from = 1): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${from + index}`);

/**
 * Has a ledger that is full of `rowsOfEverything` do all that it can be asked for, and all that it
 * does by itself. `from` is the first row that no run before has touched.
 */
export async function runEveryStatement(own: Ledger, from: number): Promise<void> {
  await byItself(own, from);
  await forUsers(own, from);
  await forOperators(own, from);
  await forReconciliation(own);
}

/** The cron, the publisher's alarm, the queue's consumer and the reports that it leads to. */
async function byItself(own: Ledger, from: number): Promise<void> {
  const consume = (queue: string, bodies: readonly unknown[]): Promise<void> =>
    own.consume(
      createMessageBatch(
        queue,
        bodies.map((body, index) => ({
          id: `m-${queue}-${from}-${index}`,
          timestamp: new Date(),
          attempts: 1,
          body,
        })),
      ),
    );
  await own.sweep(Date.now());
  await own.publishOnce();
  const message = { ...delivery("user-7", 5), keyDigest: `digest-${from}` };
  const toHeavy = { ...delivery(HEAVY, 5), keyDigest: `heavy-${from}` };
  await consume("playhead-wallet-deliveries", [
    message,
    message,
    toHeavy,
    delivery(newId(), 5),
    { v: 99, transferId: newId(), attempt: 1 },
  ]);
  await consume(LETTERS, [message]);
  const report = own.settlement.report.bind(own.settlement);
  await report({ transferId: `far-${from + 1}`, result: "void" });
  await report({ transferId: `far-${from + 2}`, result: "credited" });
  await report({
    transferId: `far-${from + 3}`,
    result: "failed",
    attempt: 1,
    reason: "away",
    permanent: false,
  });
  await report({
    transferId: `far-${from + 4}`,
    result: "failed",
    attempt: 1,
    reason: "closed",
    permanent: true,
  });
  await own.settlement.fence(newId());
  await own.settlement.fence(message.transferId);
  await db
    .prepare("UPDATE outbox SET next_at = 0, attempts = 1000, driven_at = 0 WHERE id = ?1")
    .bind(`far-${from + 5}`)
    .run();
  await db
    .prepare("UPDATE outbox SET next_at = 0 WHERE id = ?1")
    .bind(`far-${from + 6}`)
    .run();
  await own.publishOnce();
}

async function forUsers(own: Ledger, from: number): Promise<void> {
  const { store, statement, transfers } = own;
  const { transferId } = await transfers.transfer(HEAVY, amountOf(10), `key-${from}`);
  await transfers.transfer(HEAVY, amountOf(10), `key-${from}`);
  await refused(transfers.transfer(HEAVY, amountOf(1e9), `too-much-${from}`));
  await refused(transfers.transfer(HEAVY, amountOf(1e9), `too-much-${from}`));
  await refused(transfers.transfer(HEAVY, amountOf(1e9), `too-many-${from}`));
  await store.read(HEAVY, transferId);
  await own.settlement.report({ transferId, result: "credited" });
  await store.funds(HEAVY);
  await store.read(HEAVY, transferId);
  const newest = await store.list(HEAVY, PAGE, null);
  await store.list(HEAVY, PAGE, newest.at(-1)?.transferId ?? transferId);
  // Where what a list does not show begins.
  await store.list(HEAVY, PAGE, "zzz");
  await statement.cut(HEAVY, CUT_MOVEMENTS_MAX);
  const { nextCursor } = statementPage(
    await statement.page(HEAVY, STATEMENT_PAGE_MAX + 1, null),
    STATEMENT_PAGE_MAX,
  );
  if (nextCursor === undefined) throw new Error("there is no later page of the statement");
  await statement.page(HEAVY, STATEMENT_PAGE_MAX + 1, placeOf(nextCursor));
}

async function forOperators(own: Ledger, from: number): Promise<void> {
  const { deposits, operators, operatorStore, deadLetters, auditTrail, changes } = own;
  const { depositId } = await deposits.deposit(HEAVY, HEAVY, amountOf(10), `key-${from}`);
  await deposits.deposit(HEAVY, HEAVY, amountOf(10), `key-${from}`);
  await deposits.deposit(HEAVY, newId(), amountOf(10), `key-of-a-new-one-${from}`);
  await deposits.find(HEAVY, HEAVY, amountOf(10), `key-${from}`);
  await deposits.reverse(HEAVY, depositId);
  await deposits.reverse(HEAVY, depositId);
  await operators.overview();
  for (const status of [null, "pending", "parked"] as const) {
    await operatorStore.outbox(status, PAGE, null);
    await operatorStore.outbox(status, PAGE, "1");
  }
  const held = some("far-", MESSAGES_PER_PAGE_MAX, from + 10);
  await operators.park("op", held);
  await operators.redrive("op", { ids: held }, false);
  await operators.redrive("op", { status: "parked" }, false);
  await operators.park("op", [`far-${from + 7}`]);
  await operators.refund("op", `far-${from + 7}`);
  await operators.setAccountState("op", "user-9", "frozen");
  const letters = await deadLetters.list(PAGE, null);
  const ids = letters.slice(1).map(({ id }) => id);
  await deadLetters.list(PAGE, { atMs: letters.at(-1)?.at ?? 0, id: letters.at(-1)?.id ?? "" });
  await deadLetters.named(ids);
  await operators.forgetDeadLetters("op", ids);
  await auditTrail.list(PAGE, null);
  await auditTrail.list(PAGE, "audit-2");
  await changes.after(0, CHANGES_PER_PAGE_MAX);
}

async function forReconciliation({ reconciliation }: Ledger): Promise<void> {
  const { through } = await reconciliation.progress();
  const page = await reconciliation.compared({ after: through, before: "~", limit: COMPARED_PER_PAGE_MAX });
  const ids = page.map(({ id }) => id);
  await reconciliation.comparedOf(ids);
  await reconciliation.passed({ from: through, to: ids.at(-1) ?? "", open: ids });
  await reconciliation.rested(ids);
  const { account } = await reconciliation.progress();
  await reconciliation.checkAccounts({ after: "", limit: ACCOUNTS_PER_PAGE_MAX });
  await reconciliation.accountPart({ account: `user:${HEAVY}`, entriesAfter: "", transfersAfter: "" });
  await reconciliation.passedAccounts({ from: account, to: "user:user-1", cameToEnd: false });
  await reconciliation.books(true);
  const moved = await reconciliation.progress();
  await reconciliation.explained(moved.through);
  await reconciliation.restart({ through: moved.through, difference: 1, equityDifference: 0 });
}

/** What a ledger does not take. */
async function refused(transfer: Promise<unknown>): Promise<void> {
  await transfer.then(
    () => {
      throw new Error("a transfer was taken that can't be paid");
    },
    () => undefined,
  );
}
