import { describe, expect, it } from "vitest";
import { d1Operators } from "../../../src/ledger/data/d1-operators.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Retention } from "../../../src/ledger/data/d1-retention.ts";
import { migrationsOf, migrationsAfter } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

const AUDIT = { id: "audit-1", atMs: 9, actor: "op" };
/** As the release before writes them, which knows none of the new columns. */
const messages = (prefix: string): string => `
  INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
  VALUES ('${prefix}-due', 'ann', 1, 'pending', 4, 5, 1, 1), ('${prefix}-parked', 'ann', 1, 'parked', 150, 5, 1, 1)`;

describe("a ledger of the release before", () => {
  it("is served as it was, and goes on being written by that release beside this one", async () => {
    const db = sqliteD1(migrationsOf("ledger", "0001"));
    db.sqlite.exec(
      "INSERT INTO account (id, user_id, kind, opened_at, closed_at) VALUES ('user:ann', 'ann', 'user', 1, 2)",
    );
    db.sqlite.exec(messages("old"));
    db.sqlite.exec(migrationsAfter("ledger", "0001"));
    db.sqlite.exec(messages("new"));

    const due = await d1Outbox(db).due(6, 10);
    expect(due.map(({ id, attemptsBefore }) => [id, attemptsBefore])).toEqual([
      ["new-due", 0],
      ["old-due", 0],
    ]);
    const operators = d1Operators(db);
    const parked = await operators.parked({ drivenAtMs: -1, id: "" }, 100, 10);
    expect(parked.map(({ id }) => id)).toEqual(["new-parked", "old-parked"]);
    expect((await operators.outbox("parked", 10, null)).map(({ transferId }) => transferId)).toEqual([
      "new-parked",
      "old-parked",
    ]);
    expect(await operators.setAccountState("ann", "frozen", AUDIT)).toBe(true);
    // The time at which it was closed stays; the release before sees a closed account.
    expect(db.sqlite.prepare("SELECT closed_at, frozen_at FROM account WHERE id = 'user:ann'").get()).toEqual(
      {
        closed_at: 2,
        frozen_at: 9,
      },
    );
    expect(await d1Retention(db).prune(10)).toBe(false);
  });
});
