import type { Hono } from "hono";
import type { HistoryOperations } from "../../contracts/history.ts";
import {
  rotateKeysSchema,
  setRolesSchema,
  userIdSchema,
  type IdentityOperations,
} from "../../contracts/identity.ts";
import { CodedError } from "../../contracts/errors.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readJson, readOptionalJson } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { LedgersOfOperators } from "./ledger-routes.ts";
import { readOverview } from "./read-overview.ts";

export interface OpsRoutesDeps {
  readonly history: GuardedRpc<HistoryOperations>;
  readonly identity: GuardedRpc<IdentityOperations>;
  readonly ledgers: LedgersOfOperators;
  readonly now: Clock;
}

/**
 * What operators see and do. `ops-app.ts` has checked the permission; identity writes the audit.
 */
export function addOpsRoutes(app: Hono<BffEnv>, { history, identity, ledgers, now }: OpsRoutesDeps): void {
  app.get("/v1/ops/overview", async function overview(c) {
    return answerJson(c, {
      at: now(),
      ...(await readOverview(c.env.scope, { history, identity, ledgers })),
    });
  });

  app.put("/v1/ops/users/:id/roles", async function setRoles(c) {
    const { roles } = await readJson(c.req.raw, setRolesSchema);
    const userId = userIdSchema.safeParse(c.req.param("id"));
    if (!userId.success) throw new CodedError("NOT_FOUND", "No such user");
    // Each change is audited, so that none is made twice.
    return answerJson(
      c,
      await identity.write(c.env.scope, "set roles", (service, ctx) =>
        service.setRoles(ctx, userId.data, roles),
      ),
    );
  });

  app.post("/v1/ops/keys/rotate", async function rotateKeys(c) {
    const { distrust } = await readOptionalJson(c.req.raw, rotateKeysSchema);
    const next =
      distrust === undefined
        ? await identity.write(c.env.scope, "rotate keys", (service, ctx) => service.rotateKeys(ctx))
        : await identity.write(c.env.scope, "distrust a key", (service, ctx) =>
            service.distrustKey(ctx, distrust),
          );
    return answerJson(c, next, 201);
  });
}
