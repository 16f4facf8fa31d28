import type { Hono } from "hono";
import { CodedError } from "../../contracts/errors.ts";
import { IDEMPOTENCY_KEY_HEADER, parseIdempotencyKey } from "../../contracts/idempotency-key.ts";
import {
  LEDGERS,
  transferIdSchema,
  transferSchema,
  transfersQuerySchema,
  type LedgerName,
  type TransferView,
} from "../../contracts/ledger.ts";
import type { LedgerFunds } from "../../contracts/ledger-entrypoints.ts";
import { statementQuerySchema } from "../../contracts/ledger-statement.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { inTimeToAssemble } from "./in-time-to-assemble.ts";
import { readWallet, type Ledgers } from "./read-wallet.ts";

interface MoneyRoutesDeps {
  readonly ledgers: Ledgers;
  /** The same ledgers for what moves money, which may take longer. */
  readonly movers: Ledgers;
}

/**
 * The money routes of api.md. A transfer lives in the ledger that it leaves: what is asked without
 * saying which is asked of both.
 */
export function addMoneyRoutes(app: Hono<BffEnv>, { ledgers, movers }: MoneyRoutesDeps): void {
  app.get("/v1/wallet", async function showWallet(c) {
    const scope = permitted(c.env.scope, "money:own");
    return answerJson(c, await readWallet(inTimeToAssemble(scope), ledgers));
  });

  app.get("/v1/wallet/entries", async function listEntries(c) {
    const scope = permitted(c.env.scope, "money:own");
    const { ledger, limit, cursor } = readQuery(c.req.url, statementQuerySchema);
    const page = await ledgers[ledger].read(scope, "read a statement", (service, ctx) =>
      service.statement(ctx, limit, cursor ?? null),
    );
    return answerJson(c, page);
  });

  app.post("/v1/transfers", async function postTransfer(c) {
    const scope = permitted(c.env.scope, "money:own");
    const key = parseIdempotencyKey(c.req.raw.headers.get(IDEMPOTENCY_KEY_HEADER));
    const { from, amount } = await readJson(c.req.raw, transferSchema);
    const receipt = await movers[from].keyedWrite(scope, "transfer", (service, ctx) =>
      service.transfer(ctx, amount, key),
    );
    return answerJson(c, receipt, 202);
  });

  app.get("/v1/transfers/:id", async function showTransfer(c) {
    const scope = permitted(c.env.scope, "money:own");
    const id = transferIdSchema.safeParse(c.req.param("id"));
    if (!id.success) throw new CodedError("NOT_FOUND", "No such transfer");
    const own = inTimeToAssemble(scope);
    const transfer = await ofEither(ledgers, (ledger) =>
      ledger.read(own, "read a transfer", (service, ctx) => service.read(ctx, id.data)),
    );
    if (transfer === null) throw new CodedError("NOT_FOUND", "No such transfer");
    return answerJson(c, transfer);
  });

  app.get("/v1/transfers", async function listTransfers(c) {
    const scope = permitted(c.env.scope, "money:own");
    const { limit, cursor } = readQuery(c.req.url, transfersQuerySchema);
    const pages = await ofBoth(ledgers, (ledger) =>
      ledger.read(scope, "list transfers", (service, ctx) => service.list(ctx, limit + 1, cursor ?? null)),
    );
    // Ids begin with their time, so the newest of both are the greatest.
    const newest = [...pages.wallet, ...pages.savings].sort((a, b) => (a.transferId < b.transferId ? 1 : -1));
    return answerJson(c, pageOf(newest, limit));
  });
}

function pageOf(
  newest: readonly TransferView[],
  limit: number,
): { readonly items: readonly TransferView[]; readonly nextCursor?: string } {
  const items = newest.slice(0, limit);
  const last = items.at(-1);
  return newest.length > limit && last !== undefined ? { items, nextCursor: last.transferId } : { items };
}

/**
 * Asks both ledgers at once for what one of them has. Where none of those that answer has it, it
 * may be with the one that doesn't: throws what that one did.
 */
async function ofEither<T>(
  ledgers: Ledgers,
  ask: (ledger: GuardedRpc<LedgerFunds>) => Promise<T | null>,
): Promise<T | null> {
  let found: T | null = null;
  const failures: unknown[] = [];
  const group = new TaskGroup();
  for (const name of LEDGERS) {
    group.go(async () => {
      try {
        found = (await ask(ledgers[name])) ?? found;
      } catch (error) {
        failures.push(error);
      }
    });
  }
  await group.wait();
  if (found === null && failures.length > 0) throw failures[0];
  return found;
}

/** Asks both ledgers at once. Throws if either fails: half of somebody's money is no answer. */
async function ofBoth<T>(
  ledgers: Ledgers,
  ask: (ledger: GuardedRpc<LedgerFunds>) => Promise<T>,
): Promise<Record<LedgerName, T>> {
  const answers: Partial<Record<LedgerName, T>> = {};
  const group = new TaskGroup();
  for (const name of LEDGERS) {
    group.go(async () => {
      answers[name] = await ask(ledgers[name]);
    });
  }
  await group.wait();
  return answers as Record<LedgerName, T>;
}
