import { describe, expect, it } from "vitest";
import type { DeliveryReport } from "../../src/contracts/ledger.ts";
import { deliverySchema } from "../../src/ledger/biz/delivery.ts";
import { Receiver } from "../../src/ledger/biz/receiver.ts";
import { d1Changes } from "../../src/ledger/data/d1-changes.ts";
import { d1DeadLetters } from "../../src/ledger/data/d1-dead-letters.ts";
import { d1Inbox } from "../../src/ledger/data/d1-inbox.ts";
import { ids } from "../../src/ledger/data/ids.ts";
import { readGoldenRecords } from "../fixtures/golden/golden-records.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { ledgerD1 } from "./support/ledger-d1.ts";

const messages = readGoldenRecords().filter((record) => record.kind === "message");
const deliveries = messages.filter(({ queue }) => queue === "playhead-savings-deliveries");
const changes = messages.filter(({ queue }) => queue === "playhead-wallet-changes");

/** A ledger that takes deliveries, and what it has told the other one. */
function receiving() {
  const db = ledgerD1();
  const told: DeliveryReport[] = [];
  const receiver = new Receiver({
    store: d1Inbox(db),
    deadLetters: d1DeadLetters(db, () => 1),
    peer: {
      name: "wallet",
      report: async (report) => void told.push(report),
      fence: async () => "void",
    },
    wakePublisher: () => undefined,
    ids,
    now: () => 1,
  });
  return { db, told, receiver };
}

describe("a delivery of the release before", () => {
  it("is read member by member", () => {
    expect(deliveries.length).toBeGreaterThan(2);
    for (const { body } of deliveries) expect(deliverySchema.parse(body)).toMatchObject(body as object);
  });

  it("is credited once, with its amount, to its user", async () => {
    const { db, told, receiver } = receiving();
    for (const message of [...deliveries, ...deliveries])
      await receiver.receive({ id: "m", body: message.body, attempts: 1 });
    expect(told.map(({ result }) => result)).toEqual(Array(2 * deliveries.length).fill("credited"));
    const credited = db.sqlite.prepare("SELECT sum(balance) AS sum FROM account WHERE kind = 'user'").get();
    const sum = deliveries.reduce((all, { body }) => all + (body as { amount: number }).amount, 0);
    expect(credited).toEqual({ sum });
  });
});

describe("the change stream", () => {
  it("says of a change what the release before said", async () => {
    const before = changes.flatMap(({ body }) => (body as { readonly changes: readonly object[] }).changes);
    expect(before.length).toBeGreaterThan(1);
    const { db, receiver } = receiving();
    db.sqlite.exec("UPDATE change_stream SET enabled = 1");
    await receiver.receive({ id: "m", body: deliveries[0]?.body, attempts: 1 });
    const [now] = await d1Changes(db, "savings").after(0, 1);
    for (const change of before)
      expect(Object.keys(now ?? {})).toEqual(expect.arrayContaining(Object.keys(change)));
  });
});

describe("a delivery of a later release", () => {
  it("is credited as any other where it says more than is known here", async () => {
    const { told, receiver } = receiving();
    const body = fromTomorrow(deliveries[0]?.body);
    await receiver.receive({ id: "m", body, attempts: 1 });
    expect(told).toMatchObject([{ result: "credited" }]);
  });

  it("of another version is credited to nobody: it is kept whole, and its sender is told and keeps it", async () => {
    const { db, told, receiver } = receiving();
    const body = { ...(deliveries[0]?.body as object), v: 2, unit: "gold" };
    await receiver.receive({ id: "m", body, attempts: 1 });
    expect(told).toMatchObject([{ result: "failed", permanent: true }]);
    const letters = db.sqlite.prepare("SELECT body FROM dead_letter").all();
    expect(letters.map(({ body: kept }) => JSON.parse(String(kept)))).toEqual([body]);
    expect(db.sqlite.prepare("SELECT count(*) AS n FROM account WHERE kind = 'user'").get()).toEqual({
      n: 0,
    });
  });
});
