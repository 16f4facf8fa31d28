import type { SigningKeyRecord, SigningKeyStore } from "../../../src/identity/biz/ports.ts";
import { d1SigningKeys } from "../../../src/identity/data/d1-signing-keys.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

/** The table of signing keys by its real statements, on Node's SQLite. */
export function keyTable() {
  const db = sqliteD1(migrationsOf("identity"));
  const table = d1SigningKeys(db);
  const counts = { reads: 0 };
  const store: SigningKeyStore = {
    ...table,
    live: (nowMs) => {
      counts.reads += 1;
      return table.live(nowMs);
    },
  };
  /** Every key there is, whoever may use it. */
  const all = (): Promise<readonly SigningKeyRecord[]> => table.live(0);
  const audit = (): unknown[] =>
    db
      .statement("SELECT actor, action, target, detail FROM audit ORDER BY id")
      .all()
      .map((row) => ({ ...row }));
  return { store, counts, all, audit };
}
