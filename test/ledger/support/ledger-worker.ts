import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env as anyEnv, exports } from "cloudflare:workers";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import type {
  LedgerFunds,
  LedgerOperations,
  LedgerSettlement,
} from "../../../src/contracts/ledger-entrypoints.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { plainPromises } from "../../support/workers/plain-promises.ts";
import worker from "../../../src/ledger/worker.ts";
import type { Settlement as FakePeer } from "./fake-peer.ts";

export const env = anyEnv as unknown as LedgerEnv;
export const db = env.LEDGER_DB;
export const peer = env.PEER as unknown as FakePeer;

interface LedgerExports {
  readonly Funds: LedgerFunds;
  readonly Operations: LedgerOperations;
  readonly Settlement: LedgerSettlement;
}

const { Funds, Operations, Settlement } = exports as unknown as LedgerExports;

export const funds = plainPromises(Funds);
export const operations = plainPromises(Operations);
export const settlement = plainPromises(Settlement);

export function as(userId: string): CallContext {
  return {
    requestId: "request-1",
    traceparent: "",
    remainingMs: 10_000,
    principal: { userId, sessionId: "s", roles: ["user"] },
  };
}
export const operator = as("operator");

let people = 0;

/** A user nobody else in the file is, with so much in the wallet. */
export async function userWith(
  amount: number,
): Promise<{ readonly userId: string; readonly ctx: CallContext }> {
  people += 1;
  const userId = `user-${people}-${crypto.randomUUID()}`;
  if (amount > 0) await operations.deposit(operator, userId, amount, `deposit-${userId}`);
  return { userId, ctx: as(userId) };
}

export const newId = (): string => ids.id();

/** A delivery as the other ledger sends it. */
export function delivery(userId: string, amount: number, transferId = newId()) {
  return { v: 1, transferId, from: "savings", userId, amount, attempt: 1 };
}

/**
 * Hands messages to the worker's queue handler in one batch. Answers which were acknowledged and
 * which come again.
 */
export async function deliver(bodies: readonly unknown[], queue = "playhead-wallet-deliveries") {
  const messages = bodies.map((body, index) => ({
    id: `m${index}`,
    timestamp: new Date(),
    attempts: 1,
    body,
  }));
  const batch = createMessageBatch(queue, messages);
  const ctx = createExecutionContext();
  await worker.queue(batch, env);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, ctx);
  return { acked: explicitAcks, retried: retryMessages.map(({ msgId }) => msgId) };
}

/** The row of one table with this id. */
export function rowOf<T>(table: "outbox" | "inbox", column: string, id: string): Promise<T | null> {
  return db.prepare(`SELECT * FROM ${table} WHERE ${column} = ?1`).bind(id).first<T>();
}
