import { exports } from "cloudflare:workers";
import { describe } from "vitest";
import { Funds, Operations, OutboxPublisher, Settlement } from "../../src/ledger/worker.ts";
import { testGarbageCalls } from "../support/workers/garbage-calls.ts";
import { as, db, env, newId, operator, operations, peer, userWith, funds } from "./support/ledger-worker.ts";

const remotes = exports as unknown as Readonly<Record<string, object>>;
const remote = (name: string) => (): object => remotes[name] ?? {};
const ctx = as("somebody");

/** Every row of every table, but for the publisher's lease on what earlier tests have left. */
async function world(): Promise<string> {
  const tables = [
    "account",
    "entry",
    "transfer",
    "inbox",
    "refused",
    "received_key",
    "deposit_day",
    "change_log",
    "dead_letter",
    "audit",
    "reconciliation",
    "reconciliation_open",
  ];
  const dumps = await db.batch(tables.map((table) => db.prepare(`SELECT * FROM ${table}`)));
  return JSON.stringify(dumps.map(({ results }) => results));
}

async function parkedTransfer(): Promise<string> {
  await peer.behave({ fence: "void" });
  const user = await userWith(100);
  const { transferId } = await funds.transfer(user.ctx, 10, "k");
  await db.prepare("UPDATE outbox SET state = 'parked' WHERE id = ?1").bind(transferId).run();
  return transferId;
}

describe("what is asked of a ledger", () => {
  testGarbageCalls({
    name: "Funds",
    entrypoint: Funds,
    remote: remote("Funds"),
    world,
    calls: {
      cut: { ctx, movementsMax: 500 },
      statement: { ctx, limit: 100, cursor: null },
      funds: { ctx },
      transfer: async () => ({ ctx: (await userWith(100)).ctx, amount: 10, key: "k" }),
      read: { ctx, transferId: newId() },
      list: { ctx, limit: 101, cursor: null },
    },
    bad: {
      "cut movementsMax": [0, 501],
      "statement limit": [0, 101],
      "statement cursor": ["", "no cursor", "bm9uc2Vuc2U"],
      "transfer amount": [0, -1, 0.5, 2 ** 53, "10", 10n],
      "transfer key": ["", "two\nlines"],
      "read transferId": ["", "nobody's"],
      "list limit": [0, 102, "20"],
      "list cursor": ["", "x"],
    },
  });

  testGarbageCalls({
    name: "Operations",
    entrypoint: Operations,
    remote: remote("Operations"),
    world,
    calls: {
      deposit: () => ({
        ctx: operator,
        userId: `u-${crypto.randomUUID()}`,
        amount: 5,
        key: crypto.randomUUID(),
      }),
      findDeposit: { ctx: operator, userId: "somebody", amount: 5, key: "never" },
      reverseDeposit: async () => {
        const key = crypto.randomUUID();
        const { depositId } = await operations.deposit(operator, `u-${key}`, 5, key);
        return { ctx: operator, depositId };
      },
      outbox: { ctx: operator, query: { limit: 101, status: "parked", cursor: newId() } },
      redrive: { ctx: operator, which: { status: "parked" }, dryRun: true },
      park: { ctx: operator, ids: [newId()] },
      deadLetters: { ctx: operator, page: { limit: 101, cursor: "1.m0" } },
      deadLettersNamed: { ctx: operator, ids: ["m0"] },
      forgetDeadLetters: { ctx: operator, ids: ["nobody's"] },
      audit: { ctx: operator, page: { limit: 101, cursor: newId() } },
      refund: async () => ({ ctx: operator, transferId: await parkedTransfer() }),
      setAccountState: async () => ({ ctx: operator, userId: (await userWith(1)).userId, state: "open" }),
      progress: { ctx: operator },
      compared: { ctx: operator, range: { after: "", before: newId(), limit: 200 } },
      comparedOf: { ctx: operator, ids: [newId()] },
      checkAccounts: { ctx: operator, range: { after: "user:x", limit: 10 } },
      accountPart: { ctx: operator, part: { account: "user:x", entriesAfter: "", transfersAfter: null } },
      books: { ctx: operator, which: { withSums: true } },
      passed: { ctx: operator, step: { from: "", to: newId(), open: [newId()] } },
      rested: { ctx: operator, ids: [newId()] },
      passedAccounts: { ctx: operator, step: { from: "user:w", to: "user:x", cameToEnd: false } },
      restart: { ctx: operator, restart: { through: "", difference: -5, equityDifference: 0 } },
      explained: { ctx: operator, through: "" },
      changes: { ctx: operator, after: 0, limit: 500, "asPage?": true },
      overview: { ctx: operator },
    },
    bad: {
      "deposit amount": [0, -1, 0.5],
      "deposit userId": [""],
      "findDeposit amount": [0, 0.5],
      "reverseDeposit depositId": ["", "x"],
      "outbox query": [{ limit: 0 }, { limit: 10, status: "lost" }, { limit: 10, cursor: "x" }],
      "redrive which": [
        { ids: [] },
        { ids: ["x"] },
        { status: "pending" },
        { status: "parked", cursor: "1.2.x" },
      ],
      "park ids": [[], ["x"], Array.from({ length: 101 }, newId)],
      "deadLetters page": [{ limit: 0 }, { limit: 102 }, { limit: 1, cursor: "m0" }],
      "deadLettersNamed ids": [[], ["two words"], Array.from({ length: 101 }, newId)],
      "forgetDeadLetters ids": [[], [""]],
      "audit page": [{ limit: 0 }, { limit: 102 }, { limit: 1, cursor: "x" }],
      "setAccountState state": ["gone"],
      "compared range": [
        { after: "%", before: "", limit: 1 },
        { after: "", before: newId(), limit: 201 },
      ],
      "comparedOf ids": [["x"], Array.from({ length: 201 }, newId)],
      "checkAccounts range": [{ after: "user:x", limit: 11 }],
      "accountPart part": [{ account: "user:x", entriesAfter: "%", transfersAfter: "" }],
      "passedAccounts step": [{ from: "", to: "x".repeat(81), cameToEnd: true }],
      "restart restart": [
        { through: "%", difference: 1 },
        { through: "", difference: 0.5 },
      ],
      "explained through": ["%"],
      "passed step": [{ from: "", to: "x", open: [] }],
      "changes after": [-1],
      "changes limit": [0, 501],
      "changes asPage": ["yes"],
    },
  });

  testGarbageCalls({
    name: "Settlement",
    entrypoint: Settlement,
    remote: remote("Settlement"),
    world,
    calls: {
      report: { ctx, report: { transferId: newId(), result: "credited" } },
      fence: { ctx, transferId: newId() },
    },
    bad: {
      "report report": [
        { transferId: newId(), result: "lost" },
        { transferId: "x", result: "void" },
        { transferId: newId(), result: "failed", attempt: 1, reason: "x" },
        { transferId: newId(), result: "failed", attempt: 0, reason: "x", permanent: true },
      ],
    },
  });

  testGarbageCalls({
    name: "OutboxPublisher",
    entrypoint: OutboxPublisher,
    remote: () => env.PUBLISHER.getByName("garbage"),
    world,
    calls: { wake: { atMs: 9_000_000_000_000 } },
    bad: { "wake atMs": [-1, 0.5, Number.POSITIVE_INFINITY] },
  });
});
