import { describe, expect, it } from "vitest";
import { peerLedger } from "../../../src/ledger/data/peer-ledger.ts";
import { Receiver } from "../../../src/ledger/biz/receiver.ts";
import { Settlement } from "../../../src/ledger/biz/settlement.ts";
import type { StoredOutcome } from "../../../src/ledger/biz/ports.ts";
import type { DeliveryReport } from "../../../src/contracts/ledger.ts";
import type { LedgerSettlement } from "../../../src/contracts/ledger-entrypoints.ts";
import { d1DeadLetters } from "../../../src/ledger/data/d1-dead-letters.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { ledgerD1 } from "../support/ledger-d1.ts";

const ID = "01920000-0000-7000-8000-000000000001";
const SCHEDULE = { pausesMs: [2_000], slowMs: 300_000, givesUpAfterMs: 86_400_000 };
const UNKNOWN = "credited_v2" as unknown as StoredOutcome;
const common = { wakePublisher: () => undefined, tellSettled: () => undefined, ids, now: Date.now };

describe("a word that this release doesn't know, of a delivery", () => {
  it("ends no transfer where the other ledger reports it, and is told back", async () => {
    const ended: string[] = [];
    const outbox = {
      ...d1Outbox(ledgerD1()),
      settle: async () => {
        ended.push("settled");
        return null;
      },
      reverse: async () => void ended.push("refunded"),
    };
    const settlement = new Settlement({
      outbox,
      inbox: { fence: async () => "void" },
      schedule: SCHEDULE,
      ...common,
    });
    await expect(settlement.report({ transferId: ID, result: UNKNOWN })).rejects.toThrow(/"credited_v2"/);
    await expect(settlement.conclude(ID, UNKNOWN)).rejects.toThrow(/nothing was done/);
    expect(ended).toEqual([]);
  });

  it("is no promise of the other ledger's where it answers a fence so", async () => {
    const service = { fence: async () => UNKNOWN } as unknown as LedgerSettlement;
    const peer = peerLedger("savings", guardedRpc(service, testGuard()), Date.now);
    await expect(peer.fence(ID)).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("savings"),
    });
  });

  it("is reported as a failure where the own inbox has it, never as what it is not", async () => {
    const db = ledgerD1();
    db.sqlite.exec("PRAGMA ignore_check_constraints = 1");
    db.sqlite.exec(`INSERT INTO inbox VALUES ('transfers', '${ID}', 'credited_v2', 'token', 1)`);
    const heard: DeliveryReport[] = [];
    const peer = {
      name: "savings" as const,
      report: async (report: DeliveryReport) => void heard.push(report),
      fence: async () => UNKNOWN,
    };
    const receiver = new Receiver({
      store: d1Inbox(db),
      deadLetters: d1DeadLetters(db, Date.now),
      peer,
      ...common,
    });
    await receiver.receive({
      id: "m",
      attempts: 1,
      body: { v: 1, transferId: ID, from: "savings", userId: "ann", amount: 5, attempt: 3 },
    });
    expect(heard).toEqual([
      {
        transferId: ID,
        result: "failed",
        attempt: 3,
        reason: expect.stringContaining("credited_v2"),
        permanent: false,
      },
    ]);
    await expect(d1Inbox(db).fence(ID, "t", 1)).rejects.toThrow(/credited_v2/);
  });
});
