import type { Hono } from "hono";
import { auditQuerySchema, type AuditView } from "../../contracts/audit.ts";
import type { IdentityOperations } from "../../contracts/identity.ts";
import {
  deadLettersQuerySchema,
  parkSchema,
  redriveLettersSchema,
} from "../../contracts/ledger-operators.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import { letterCursor, redriveDeadLetters } from "./dead-letters.ts";
import type { LedgersOfOperators } from "./ledger-routes.ts";

interface MessageRoutesDeps {
  readonly ledgers: LedgersOfOperators;
  readonly identity: GuardedRpc<IdentityOperations>;
}

/**
 * What was given up, what is held back, and who has done what. `ops-app.ts` has checked the
 * permission of each route.
 */
export function addMessageRoutes(app: Hono<BffEnv>, { ledgers, identity }: MessageRoutesDeps): void {
  app.post("/v1/ops/outbox/park", async function park(c) {
    const { ledger, ids } = await readJson(c.req.raw, parkSchema);
    const named = ids.map((id) => id.toLowerCase());
    // Each change is audited, so that none is made twice.
    const parked = await ledgers[ledger].write(c.env.scope, "park messages", (service, ctx) =>
      service.park(ctx, named),
    );
    return answerJson(c, { parked });
  });

  app.get("/v1/ops/dead-letters", async function listDeadLetters(c) {
    const { ledger, ...query } = readQuery(c.req.url, deadLettersQuerySchema);
    const found = await ledgers[ledger].read(c.env.scope, "read dead letters", (service, ctx) =>
      service.deadLetters(ctx, { ...query, limit: query.limit + 1 }),
    );
    const items = found.slice(0, query.limit);
    const last = items.at(-1);
    return answerJson(c, {
      items,
      ...(found.length > items.length && last !== undefined ? { nextCursor: letterCursor(last) } : {}),
    });
  });

  app.post("/v1/ops/dead-letters/redrive", async function redriveLetters(c) {
    const { ledger, ids = null, cursor, dryRun = false } = await readJson(c.req.raw, redriveLettersSchema);
    return answerJson(
      c,
      await redriveDeadLetters({ ledgers, scope: c.env.scope, order: { ledger, ids, cursor, dryRun } }),
    );
  });

  app.get("/v1/ops/audit", async function listAudit(c) {
    const { ledger, source = ledger ?? "identity", limit, cursor } = readQuery(c.req.url, auditQuerySchema);
    const page = { limit: limit + 1, cursor };
    const found: readonly AuditView[] =
      source === "identity"
        ? await identity.read(c.env.scope, "read the audit trail", (service, ctx) => service.audit(ctx, page))
        : await ledgers[source].read(c.env.scope, "read the audit trail", (service, ctx) =>
            service.audit(ctx, page),
          );
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return answerJson(c, {
      items,
      ...(found.length > items.length && last !== undefined ? { nextCursor: last.id } : {}),
    });
  });
}
