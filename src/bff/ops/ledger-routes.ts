import type { Hono } from "hono";
import { CodedError, codeOf } from "../../contracts/errors.ts";
import { IDEMPOTENCY_KEY_HEADER, parseIdempotencyKey } from "../../contracts/idempotency-key.ts";
import { userIdSchema, type IdentityOperations } from "../../contracts/identity.ts";
import { accountStateSchema, redriveSchema } from "../../contracts/ledger-operators.ts";
import {
  changesQuerySchema,
  depositSchema,
  LEDGERS,
  noOrderSchema,
  outboxQuerySchema,
  transferIdSchema,
  type ChangesPage,
  type LedgerName,
} from "../../contracts/ledger.ts";
import type { LedgerOperations } from "../../contracts/ledger-entrypoints.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readJson, readOptionalJson, readQuery } from "../../platform/validate.ts";
import { depositOf } from "./deposit.ts";

export type LedgersOfOperators = Readonly<Record<LedgerName, GuardedRpc<LedgerOperations>>>;

interface LedgerRoutesDeps {
  readonly ledgers: LedgersOfOperators;
  readonly identity: GuardedRpc<IdentityOperations>;
}

/**
 * What operators see and do about money. `ops-app.ts` has checked the permission of each route; the
 * ledgers write the audit.
 */
export function addLedgerRoutes(app: Hono<BffEnv>, { ledgers, identity }: LedgerRoutesDeps): void {
  app.post("/v1/ops/wallets/:userId/deposits", async function deposit(c) {
    const key = parseIdempotencyKey(c.req.raw.headers.get(IDEMPOTENCY_KEY_HEADER));
    const { amount } = await readJson(c.req.raw, depositSchema);
    const userId = userIn(c.req.param("userId"));
    const deposit = { userId, amount, key };
    return answerJson(
      c,
      await depositOf({ scope: c.env.scope, wallet: ledgers.wallet, identity }, deposit),
      201,
    );
  });

  app.post("/v1/ops/deposits/:id/reverse", async function reverseDeposit(c) {
    const id = transferIdSchema.safeParse(c.req.param("id"));
    if (!id.success) throw new CodedError("NOT_FOUND", "No such deposit");
    await readOptionalJson(c.req.raw, noOrderSchema);
    // Deposits are made in the wallet only. The id is the key.
    return answerJson(
      c,
      await ledgers.wallet.keyedWrite(c.env.scope, "reverse a deposit", (service, ctx) =>
        service.reverseDeposit(ctx, id.data),
      ),
    );
  });

  app.put("/v1/ops/wallets/:userId/state", async function setAccountState(c) {
    const { ledger, state } = await readJson(c.req.raw, accountStateSchema);
    const userId = userIn(c.req.param("userId"));
    const isSet = async (name: LedgerName): Promise<boolean> => {
      try {
        // Each change is audited, so that none is made twice.
        await ledgers[name].write(c.env.scope, "set the state of an account", (service, ctx) =>
          service.setAccountState(ctx, userId, state),
        );
        return true;
      } catch (error) {
        // A user with an account in only one ledger has it set there.
        if (ledger !== undefined || codeOf(error) !== "NOT_FOUND") throw error;
        return false;
      }
    };
    const set: LedgerName[] = [];
    for (const name of ledger === undefined ? LEDGERS : [ledger]) if (await isSet(name)) set.push(name);
    if (set.length === 0) throw new CodedError("NOT_FOUND", "There is no such account");
    return answerJson(c, { userId, ...(ledger === undefined ? { ledgers: set } : { ledger }), state });
  });

  app.get("/v1/ops/outbox", async function listOutbox(c) {
    const { ledger, ...query } = readQuery(c.req.url, outboxQuerySchema);
    const messages = await ledgers[ledger].read(c.env.scope, "read the outbox", (service, ctx) =>
      service.outbox(ctx, { ...query, limit: query.limit + 1 }),
    );
    const items = messages.slice(0, query.limit);
    const last = items.at(-1);
    return answerJson(c, {
      items,
      ...(messages.length > query.limit && last !== undefined ? { nextCursor: last.transferId } : {}),
    });
  });

  app.post("/v1/ops/outbox/redrive", async function redrive(c) {
    const { ledger, ids, cursor, dryRun = false } = await readJson(c.req.raw, redriveSchema);
    const which = ids === undefined ? ({ status: "parked", cursor } as const) : { ids };
    return answerJson(
      c,
      await ledgers[ledger].write(c.env.scope, "redrive messages", (service, ctx) =>
        service.redrive(ctx, which, dryRun),
      ),
    );
  });

  app.post("/v1/ops/transfers/:id/refund", async function refund(c) {
    const id = transferIdSchema.safeParse(c.req.param("id"));
    await readOptionalJson(c.req.raw, noOrderSchema);
    if (id.success) {
      for (const name of LEDGERS) {
        const receipt = await ledgers[name].keyedWrite(c.env.scope, "refund a transfer", (service, ctx) =>
          service.refund(ctx, id.data),
        );
        if (receipt !== null) return answerJson(c, receipt);
      }
    }
    throw new CodedError("NOT_FOUND", "No such transfer");
  });

  app.get("/v1/ops/changes", async function listChanges(c) {
    const { ledger, after, limit } = readQuery(c.req.url, changesQuerySchema);
    const found = await ledgers[ledger].read(c.env.scope, "read changes", (service, ctx) =>
      service.changes(ctx, after, limit, true),
    );
    const page: Partial<ChangesPage> & Pick<ChangesPage, "items"> =
      "items" in found ? found : { items: found };
    return answerJson(c, { ...page, nextAfter: page.items.at(-1)?.seq ?? after });
  });
}

/** Throws `NOT_FOUND` where it can be no user's id. */
function userIn(param: string): string {
  const userId = userIdSchema.safeParse(param);
  if (!userId.success) throw new CodedError("NOT_FOUND", "No such user");
  return userId.data;
}
