import { beforeEach, describe, expect, it } from "vitest";
import { walkAccounts, type AccountWalk } from "../../../src/bff/ops/account-walk.ts";
import { Pace } from "../../../src/bff/ops/pace.ts";
import { TwoLedgers } from "../../support/databases/two-ledgers.ts";

let world: TwoLedgers;
let reads = 0;

beforeEach(async () => {
  world = new TwoLedgers();
  reads = 0;
  for (const user of ["ann", "bob", "eve"]) await world.deposit(user, 10_000);
});

interface Walk {
  readonly before?: () => Promise<void>;
  readonly steps?: number;
  readonly goesRound?: boolean;
}

async function walk({ before, steps = 1_000, goesRound = true }: Walk = {}): Promise<AccountWalk> {
  const sleep = async (ms: number): Promise<void> => void (world.nowMs += ms);
  const pace = new Pace({ now: () => world.nowMs, sleep, stepsMax: steps });
  const ledger = world.reconcilable("wallet", async () => {
    reads += 1;
    await before?.();
  });
  const { account: from } = await world.reconcilable("wallet").progress();
  return walkAccounts({ ledger, from, pace, hasTime: () => pace.goesOnUntil(1e9), goesRound });
}

async function spend(userId: string, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await world.settle(await world.debit("wallet", userId, 1));
}
const place = async (): Promise<string> => (await world.reconcilable("wallet").progress()).account;

describe("an account with many movements", () => {
  it("is read part by part, and is right or wrong as a whole", async () => {
    await spend("bob", 400);
    await world.debit("wallet", "bob", 7);
    expect(await walk()).toMatchObject({ findings: [], accounts: 3, unchecked: 0, isWhole: true });
    world.tamper(
      "wallet",
      "UPDATE account SET balance = balance - 5, in_flight = in_flight + 2 WHERE id = 'user:bob'",
    );
    expect((await walk()).findings).toEqual([
      { kind: "in_flight", id: "user:bob", difference: 2 },
      { kind: "wrong_balance", id: "user:bob", difference: -5 },
    ]);
  });

  it("shows each entry without its other side, in whichever part it is", async () => {
    await spend("bob", 400);
    const entry = "FROM entry WHERE account_id = 'user:bob' AND amount = -1";
    const { id } = world.db.wallet.sqlite
      .prepare(`SELECT transfer_id AS id ${entry} ORDER BY id LIMIT 1 OFFSET 330`)
      .get() as {
      id: string;
    };
    world.tamper("wallet", "DELETE FROM entry WHERE account_id = 'clearing' AND transfer_id = ?", id);
    expect((await walk()).findings).toEqual([{ kind: "unbalanced_transfer", id }]);
  });

  it("that moves while it is read is read again, and never taken for wrong", async () => {
    await spend("bob", 400);
    for (const until of [3, 5]) {
      reads = 0;
      const moved = await walk({ before: async () => void (reads <= until && (await spend("bob", 1))) });
      expect(moved).toMatchObject({ findings: [], accounts: 3, unchecked: 0 });
    }
    // One that is credited with an id of long ago, which belongs to a part that was read already.
    reads = 0;
    const late = { id: world.newId(86_400_000), from: "savings", userId: "bob", amount: 3 } as const;
    expect(
      await walk({ before: async () => void (reads === 4 && (await world.credit(late))) }),
    ).toMatchObject({
      findings: [],
      unchecked: 0,
    });
  });

  it("that moves all the time is named as unchecked, also where it pays as much as it gets", async () => {
    await spend("bob", 400);
    const swap = async (): Promise<void> => {
      await world.credit({ id: world.newId(), from: "savings", userId: "bob", amount: 1 });
      await spend("bob", 1);
    };
    expect(await walk({ before: swap })).toMatchObject({
      findings: [],
      accounts: 3,
      unchecked: 1,
      isWhole: true,
    });
  });

  it("waits for the next time where time is up, and is passed over where it comes first", async () => {
    await spend("bob", 400);
    // Ann and Eve beside others, and one part of Bob; nothing of him the next time either.
    expect(await walk({ steps: 2 })).toMatchObject({
      findings: [],
      accounts: 3,
      unchecked: 1,
      isWhole: false,
    });
    expect(await place()).toBe("user:bob");
    expect(await walk()).toMatchObject({ accounts: 4, unchecked: 0, isWhole: true });
  });
});

describe("a walk over accounts", () => {
  it("ends with the last one where it isn't to go around, and says when", async () => {
    for (let user = 0; user < 25; user += 1) await world.deposit(`user-${user}`, 1);
    expect(await walk({ steps: 1, goesRound: false })).toMatchObject({ accounts: 10, isWhole: false });
    expect(await place()).not.toBe("");
    expect(await walk({ goesRound: false })).toMatchObject({ accounts: 18 });
    const progress = await world.reconcilable("wallet").progress();
    expect([progress.account, progress.walkedAtMs]).toEqual(["", expect.any(Number)]);
    expect(progress.walkedAtMs).toBeLessThanOrEqual(world.nowMs);
  });

  it("moves its place on from where it began only: two at once leave it where one of them was", async () => {
    for (let user = 0; user < 25; user += 1) await world.deposit(`user-${user}`, 1);
    const store = world.reconcilable("wallet");
    await Promise.all([walk({ steps: 1, goesRound: false }), walk({ steps: 2, goesRound: false })]);
    const after = await place();
    const accounts = world.db.wallet.sqlite
      .prepare("SELECT id FROM account WHERE kind = 'user' ORDER BY id")
      .all() as { id: string }[];
    expect([accounts[9]?.id, accounts[19]?.id]).toContain(after);
    // Whoever began elsewhere, before this one was here, says nothing about what is between.
    await store.passedAccounts({ from: "", to: "user:zoe", cameToEnd: true });
    expect([await place(), (await store.progress()).walkedAtMs]).toEqual([after, null]);
  });
});
