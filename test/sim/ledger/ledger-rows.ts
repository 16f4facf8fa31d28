import type { SimLedger } from "./sim-ledger.ts";

export interface Row {
  readonly [column: string]: unknown;
}

/** Rows of a ledger's database, seen from outside of the simulation. */
export function rowsIn(
  { database }: SimLedger,
  query: string,
  ...values: readonly (string | number)[]
): readonly Row[] {
  return database.db.statement(query).all(...values);
}

/** The one number that a query answers. */
export function numberIn(ledger: SimLedger, query: string, ...values: readonly (string | number)[]): number {
  return Number(Object.values(rowsIn(ledger, query, ...values)[0] ?? {})[0] ?? 0);
}

export function isFrozen(ledger: SimLedger, user: string): boolean {
  return (
    numberIn(
      ledger,
      "SELECT count(*) FROM account WHERE id = 'user:' || ?1 AND frozen_at IS NOT NULL",
      user,
    ) > 0
  );
}

export interface OutboxRow {
  readonly id: string;
  readonly user_id: string;
  readonly amount: number;
  readonly state: "pending" | "parked";
  readonly attempts: number;
  readonly next_at: number;
  readonly leased_until: number;
  readonly last_error: string | null;
  readonly driven_at: number;
}

const OUTBOX =
  "SELECT id, user_id, amount, state, attempts, next_at, leased_until, last_error, driven_at FROM outbox";

export function outboxOf(ledger: SimLedger): readonly OutboxRow[] {
  return rowsIn(ledger, OUTBOX) as unknown as readonly OutboxRow[];
}
