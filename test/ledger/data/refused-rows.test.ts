import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import type { SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { aDeposit, ledgerD1 } from "../support/ledger-d1.ts";

const ID = "01920000-0000-7000-8000-000000000001";
/** What a value of ours that is no number arrives as. */
const NO_TIME = null as unknown as number;

const tables = (db: SqliteD1) =>
  ["inbox", "transfer", "refused", "audit"].map((table) => db.sqlite.prepare(`SELECT * FROM ${table}`).all());

describe("a row that the database refuses", () => {
  it("is no delivery that can't be credited: nobody parks the transfer for a fault of ours", async () => {
    const inbox = d1Inbox(ledgerD1());
    const delivery = {
      v: 1,
      transferId: ID,
      from: "savings",
      userId: "ann",
      amount: amountOf(5),
      attempt: 1,
    } as const;
    await expect(inbox.credit(delivery, "token", NO_TIME)).rejects.toThrow("credit a delivery");
    expect(await inbox.credit(delivery, "token", 1)).toBe("credited");
  });

  it("is no fence, no transfer and no deposit either, and leaves nothing", async () => {
    const db = ledgerD1();
    await expect(d1Inbox(db).fence(ID, "token", NO_TIME)).rejects.toThrow(/^fence a transfer$/);
    const transfers = d1Transfers(db, "wallet");
    await transfers.deposit(aDeposit({ userId: "ann" }));
    const before = tables(db);
    const common = { id: ID, key: "k", payloadHash: "h", amount: amountOf(5), nowMs: NO_TIME };
    await expect(transfers.open({ ...common, owner: "ann", nextAtMs: 1 })).rejects.toThrow(
      /^open a transfer$/,
    );
    await expect(transfers.deposit(aDeposit({ ...common, userId: "ann" }))).rejects.toThrow(/^deposit$/);
    expect(tables(db)).toEqual(before);
  });

  it("is ignored nowhere but for a key that is named", () => {
    for (const room of ["ledger", "identity"]) {
      const folder = `${PROJECT_ROOT}src/${room}/data`;
      const files = readdirSync(folder);
      expect(files.length).toBeGreaterThan(5);
      for (const file of files) {
        const code = readFileSync(`${folder}/${file}`, "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
        expect([file, code.match(/OR IGNORE|OR REPLACE|ON CONFLICT DO|onConflictDo\w+\(\)/g)]).toEqual([
          file,
          null,
        ]);
      }
    }
  });
});
