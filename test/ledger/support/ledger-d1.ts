import { AMOUNT_MAX } from "../../../src/contracts/ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import type { DepositLimits, NewDeposit } from "../../../src/ledger/biz/ports.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1, type SqliteD1 } from "../../support/databases/sqlite-d1.ts";

/** Every migration of a ledger, in order. */
export const LEDGER_MIGRATIONS = migrationsOf("ledger");

/** A ledger's database in Node. */
export function ledgerD1(): SqliteD1 {
  return sqliteD1(LEDGER_MIGRATIONS);
}

/** More than any test pays in. */
export const UNLIMITED: DepositLimits = { depositMax: AMOUNT_MAX, depositsPerDayMax: AMOUNT_MAX };

/** A deposit like any other, but for what is said. */
export function aDeposit(more: Partial<NewDeposit> & Pick<NewDeposit, "userId">): NewDeposit {
  return {
    id: ids.id(),
    actor: "op",
    key: ids.token(),
    payloadHash: "h",
    amount: amountOf(100),
    auditId: ids.id(),
    nowMs: Date.now(),
    limits: UNLIMITED,
    ...more,
  };
}
