import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import type { OpenedTransfer } from "../../../src/ledger/biz/ports.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Refused, REFUSED_KEYS_MAX } from "../../../src/ledger/data/d1-refused.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { payloadHash } from "../../../src/ledger/data/payload-hash.ts";
import { digestOfKey } from "../../../src/ledger/data/stored-key.ts";
import { migrationsOf, migrationsAfter } from "../../support/databases/migrations.ts";
import { sqliteD1, type SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { aDeposit, ledgerD1 } from "../support/ledger-d1.ts";

const DAY_MS = 86_400_000;
const START_MS = 1_800_000_000_000;
const USER = "0190a1b2-0000-7000-8000-000000000001";

function asking(db: SqliteD1, nowMs = START_MS) {
  const store = d1Transfers(db, "wallet");
  const open = (key: string, amount = 50, atMs = nowMs): Promise<OpenedTransfer> =>
    store.open({
      id: ids.id(),
      owner: USER,
      key,
      payloadHash: payloadHash(["transfer", amount]),
      amount: amountOf(amount),
      nowMs: atMs,
      nextAtMs: atMs + 2_000,
    });
  const pay = (amount: number) => store.deposit(aDeposit({ userId: USER, amount: amountOf(amount), nowMs }));
  const rows = (): number =>
    Number(db.sqlite.prepare("SELECT count(*) AS rows FROM refused").get()?.["rows"]);
  return { open, pay, rows };
}

const pagesOf = (db: SqliteD1): number =>
  Number(db.sqlite.prepare("PRAGMA page_count").get()?.["page_count"]);

describe("a refused key", () => {
  it("takes a seventh of what it took: less than 100 bytes, whatever its length", async () => {
    const db = ledgerD1();
    const before = pagesOf(db);
    const store = d1Transfers(db, "wallet");
    for (let user = 0; user < 10; user += 1) {
      for (let number = 0; number < 1_000; number += 1) {
        const key = `${number}`.padStart(128, "k");
        const common = {
          id: ids.id(),
          key,
          payloadHash: "h",
          amount: amountOf(1_000_000),
          nowMs: START_MS,
          nextAtMs: START_MS,
        };
        await store.open({ ...common, owner: USER.replace(/1$/, String(user)) });
      }
    }
    const bytes = ((pagesOf(db) - before) * 4_096) / 10_000;
    expect(bytes).toBeLessThan(100);
    expect(db.sqlite.prepare("SELECT count(*) AS rows FROM transfer").get()).toEqual({ rows: 0 });
  });

  // I34
  it("stays refused for 30 days, whenever in the period they began, and other payloads of it are other uses", async () => {
    for (const offsetDays of [0, 7, 15, 29]) {
      const db = ledgerD1();
      const { open, pay } = asking(db, START_MS + offsetDays * DAY_MS);
      const startMs = START_MS + offsetDays * DAY_MS;
      expect(await open("k")).toEqual({ outcome: "failed", payloadHash: payloadHash(["transfer", 50]) });
      await pay(1_000);
      await d1Refused(db).prune(startMs + 30 * DAY_MS);
      expect(await open("k", 50, startMs + 30 * DAY_MS)).toEqual({
        outcome: "failed",
        payloadHash: payloadHash(["transfer", 50]),
      });
      expect(await open("k", 51)).toMatchObject({
        outcome: "failed",
        payloadHash: expect.not.stringMatching(payloadHash(["transfer", 51])),
      });
      // Clocks that stand on the other side of a period's border find it too.
      expect((await open("k", 50, startMs - 300_000)).outcome).toBe("failed");
    }
  });

  it("is forgotten after 60 days at the latest, by a step that looks only at what goes", async () => {
    const db = ledgerD1();
    const { open, rows } = asking(db);
    for (let number = 0; number < 700; number += 1) await open(`old-${number}`);
    for (let number = 0; number < 20; number += 1) await open(`new-${number}`, 50, START_MS + 61 * DAY_MS);
    const prune = (atMs: number) => d1Refused(db).prune(atMs);
    expect([await prune(START_MS + 61 * DAY_MS), rows()]).toEqual([true, 220]);
    expect([await prune(START_MS + 61 * DAY_MS), await prune(START_MS + 61 * DAY_MS), rows()]).toEqual([
      false,
      false,
      20,
    ]);
    const plan = db.sqlite
      .prepare(
        "EXPLAIN QUERY PLAN SELECT period FROM refused WHERE period < 1 ORDER BY period, owner, key_digest LIMIT 500",
      )
      .all();
    expect(JSON.stringify(plan)).toContain("SEARCH refused USING PRIMARY KEY (period<?)");
  });
});

describe("a user", () => {
  it(`holds at most ${REFUSED_KEYS_MAX} refused keys; what would be another writes nothing, and none is forgotten for it`, async () => {
    const db = ledgerD1();
    const { open, pay, rows } = asking(db);
    for (let number = 0; number < REFUSED_KEYS_MAX; number += 1) await open(`k${number}`);
    expect(await open("another")).toEqual({ outcome: "too_many_refused" });
    expect(rows()).toBe(REFUSED_KEYS_MAX);
    await pay(100);
    for (const known of ["k0", `k${REFUSED_KEYS_MAX - 1}`])
      expect((await open(known)).outcome).toBe("failed");
    expect((await open("another")).outcome).toBe("pending");
  });
});

describe("keys of the release before", () => {
  const longHash = "3ba3e7ee4a1b1ac93ae4a1b1ac93ae4a1b1ac93ae4a1b1ac93ae4a1b1ac93ae4";

  /**
   * A database in which that release has taken one transfer, refused one, and sent one that is
   * under way.
   */
  function earlier(): SqliteD1 {
    const db = sqliteD1(migrationsOf("ledger", "0001"));
    db.sqlite.exec(
      `INSERT INTO account (id, user_id, kind, balance, opened_at) VALUES ('user:${USER}', '${USER}', 'user', 500, 1)`,
    );
    for (const [id, key, outcome] of [
      ["01900000-0000-7000-8000-00000000000a", "taken", "settled"],
      ["01900000-0000-7000-8000-00000000000b", "refused", "failed"],
      ["01900000-0000-7000-8000-00000000000c", "way", "pending"],
    ]) {
      db.sqlite
        .prepare("INSERT INTO transfer VALUES (?, ?, 'transfer', ?, ?, 50, ?, 1, NULL)")
        .run(USER, String(id), String(key), longHash, String(outcome));
    }
    db.sqlite.exec(`INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
      VALUES ('01900000-0000-7000-8000-00000000000c', '${USER}', 50, 'pending', 1, 0, 0, 0)`);
    db.sqlite.exec(migrationsAfter("ledger", "0001"));
    return db;
  }

  it("are found, whichever way new ones are written", async () => {
    const db = earlier();
    for (const since of ["since", "0"]) {
      db.sqlite.exec(`UPDATE key_digests SET since = ${since}`);
      const { open } = asking(db, Date.now());
      expect(await open("taken")).toMatchObject({
        id: "01900000-0000-7000-8000-00000000000a",
        outcome: "settled",
      });
      expect((await open("refused")).outcome).toBe("failed");
    }
    expect(db.sqlite.prepare("SELECT balance FROM account WHERE user_id = ?").get(USER)).toEqual({
      balance: 500,
    });
  });

  it("are still written for an hour, since its code may still answer and finds no others; then digests are", async () => {
    const db = earlier();
    const nowMs = Date.now();
    const { open } = asking(db, nowMs);
    const keys = () =>
      db.sqlite.prepare("SELECT idempotency_key AS key FROM transfer WHERE amount = 7").all();
    const first = await open("k", 7);
    expect(keys()).toEqual([{ key: "k" }]);
    expect(await open("k", 7, nowMs + 3 * 3_600_000)).toMatchObject({ id: "id" in first ? first.id : "" });
    await open("later", 7, nowMs + 2 * 3_600_000);
    expect(keys()).toEqual(expect.arrayContaining([{ key: ` ${digestOfKey("later")}` }, { key: "k" }]));
  });

  it("come with payload hashes that its code compares: it answers a key of this release's as this one does", async () => {
    const db = earlier();
    const nowMs = Date.now();
    const amount = amountOf(7);
    const common = { key: "k", amount, nowMs };
    const asked = {
      ...common,
      id: ids.id(),
      owner: USER,
      payloadHash: payloadHash(["transfer", amount]),
      nextAtMs: nowMs,
    };
    const opened = await d1Transfers(db, "wallet").open(asked);
    const deposit = {
      ...aDeposit({ userId: USER }),
      ...common,
      payloadHash: payloadHash(["deposit", USER, amount]),
    };
    const deposited = await d1Transfers(db, "wallet").deposit(deposit);
    expect([opened, deposited]).toMatchObject([
      { payloadHash: asked.payloadHash },
      { payloadHash: deposit.payloadHash },
    ]);
    const sha256 = (...parts: readonly unknown[]) =>
      createHash("sha256").update(JSON.stringify(parts)).digest("hex");
    expect(
      db.sqlite
        .prepare(
          "SELECT payload_hash AS hash FROM transfer WHERE idempotency_key = 'k' ORDER BY operation DESC",
        )
        .all(),
    ).toEqual([{ hash: sha256("transfer", 7) }, { hash: sha256("deposit", USER, 7) }]);
  });

  it("go with messages that were under way as if they had been digests", async () => {
    const [message] = await d1Outbox(earlier()).due(1, 10);
    expect(message?.keyDigest).toBe(digestOfKey("way"));
  });
});
