import { expect, it } from "vitest";
import { accountOf, accountSql, BEFORE_USERS, ownerSql } from "../../../src/ledger/data/account-id.ts";
import { ledgerD1 } from "../support/ledger-d1.ts";

const USER = "01a3185c-a1ac-7000-8aaa-397bc515001a";
const { sqlite } = ledgerD1();

it("an account's id is the same made in SQL, and is cut to its owner again", () => {
  const made = sqlite.prepare(`SELECT ${accountSql("?")} AS id`).get(USER);
  expect(made).toEqual({ id: accountOf(USER) });
  const cut = sqlite.prepare(`SELECT ${ownerSql("?")} AS owner`).get(accountOf(USER));
  expect(cut).toEqual({ owner: USER });
});

it("users' accounts come behind the ledger's own, of which there are two", () => {
  const own = sqlite.prepare(`SELECT id FROM account WHERE id < ${BEFORE_USERS} ORDER BY id`).all();
  expect(own).toEqual([{ id: "clearing" }, { id: "equity" }]);
  expect(sqlite.prepare(`SELECT ? > ${BEFORE_USERS} AS isBehind`).get(accountOf("0"))).toEqual({
    isBehind: 1,
  });
});
