import type { Hono } from "hono";
import { CodedError } from "../../contracts/errors.ts";
import { IDEMPOTENCY_KEY_HEADER, parseIdempotencyKey } from "../../contracts/idempotency-key.ts";
import { userIdSchema } from "../../contracts/identity.ts";
import {
  accountStateSchema,
  changesQuerySchema,
  depositSchema,
  LEDGERS,
  outboxQuerySchema,
  redriveSchema,
  transferIdSchema,
  type LedgerName,
  type LedgerOperations,
} from "../../contracts/ledger.ts";
import type { BffEnv } from "../../platform/bff-app.ts";
import type { GuardedRpc } from "../../platform/guarded-rpc.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import { reconcilableLedger } from "./reconcilable-ledger.ts";
import { reconcile } from "./reconcile.ts";

export type LedgersOfOperators = Readonly<Record<LedgerName, GuardedRpc<LedgerOperations>>>;

interface LedgerRoutesDeps {
  readonly ledgers: LedgersOfOperators;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** What operators see and do about money. The gateway has checked the permission of each route; the ledgers write the audit. */
export function addLedgerRoutes(app: Hono<BffEnv>, { ledgers, now, sleep }: LedgerRoutesDeps): void {
  app.post("/v1/ops/wallets/:userId/deposits", async function deposit(c) {
    const key = parseIdempotencyKey(c.req.raw.headers.get(IDEMPOTENCY_KEY_HEADER));
    const { amount } = await readJson(c.req.raw, depositSchema);
    const userId = userIn(c.req.param("userId"));
    const receipt = await ledgers.wallet.idempotentWrite(c.env.scope, "deposit", (service, ctx) =>
      service.deposit(ctx, userId, amount, key),
    );
    return c.json(receipt, 201);
  });

  app.put("/v1/ops/wallets/:userId/state", async function setAccountState(c) {
    const { ledger, state } = await readJson(c.req.raw, accountStateSchema);
    const userId = userIn(c.req.param("userId"));
    // Each change is audited, so that none is made twice.
    await ledgers[ledger].write(c.env.scope, "set the state of an account", (service, ctx) => service.setAccountState(ctx, userId, state));
    return c.json({ userId, ledger, state });
  });

  app.get("/v1/ops/outbox", async function listOutbox(c) {
    const { ledger, ...query } = readQuery(c.req.url, outboxQuerySchema);
    const messages = await ledgers[ledger].read(c.env.scope, "read the outbox", (service, ctx) =>
      service.outbox(ctx, { ...query, limit: query.limit + 1 }),
    );
    const items = messages.slice(0, query.limit);
    const last = items.at(-1);
    return c.json({ items, ...(messages.length > query.limit && last !== undefined ? { nextCursor: last.transferId } : {}) });
  });

  app.post("/v1/ops/outbox/redrive", async function redrive(c) {
    const { ledger, ids, dryRun = false } = await readJson(c.req.raw, redriveSchema);
    const which = ids === undefined ? ({ status: "parked" } as const) : { ids: ids.map((id) => id.toLowerCase()) };
    const redriven = await ledgers[ledger].write(c.env.scope, "redrive messages", (service, ctx) => service.redrive(ctx, which, dryRun));
    return c.json({ redriven });
  });

  app.post("/v1/ops/transfers/:id/refund", async function refund(c) {
    const id = transferIdSchema.safeParse(c.req.param("id"));
    if (id.success) {
      for (const name of LEDGERS) {
        const receipt = await ledgers[name].idempotentWrite(c.env.scope, "refund a transfer", (service, ctx) =>
          service.refund(ctx, id.data.toLowerCase()),
        );
        if (receipt !== null) return c.json(receipt);
      }
    }
    throw new CodedError("NOT_FOUND", "No such transfer");
  });

  app.get("/v1/ops/reconcile", async function showReconciliation(c) {
    const { scope } = c.env;
    const both = { wallet: reconcilableLedger(ledgers.wallet, scope), savings: reconcilableLedger(ledgers.savings, scope) };
    return c.json(await reconcile({ ledgers: both, now, sleep }));
  });

  app.get("/v1/ops/changes", async function listChanges(c) {
    const { ledger, after, limit } = readQuery(c.req.url, changesQuerySchema);
    const items = await ledgers[ledger].read(c.env.scope, "read changes", (service, ctx) => service.changes(ctx, after, limit));
    return c.json({ items, nextAfter: items.at(-1)?.seq ?? after });
  });
}

/** Throws `NOT_FOUND` where it can be no user's id. */
function userIn(param: string): string {
  const userId = userIdSchema.safeParse(param);
  if (!userId.success) throw new CodedError("NOT_FOUND", "No such user");
  return userId.data;
}
