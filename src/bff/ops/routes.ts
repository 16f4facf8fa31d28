import type { Hono } from "hono";
import type { HistoryOperations } from "../../contracts/history.ts";
import { setRolesSchema, userIdSchema, type IdentityAdministration } from "../../contracts/identity.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { BffEnv } from "../../platform/bff-app.ts";
import { callContext } from "../../platform/call-context.ts";
import { rpc } from "../../platform/rpc.ts";
import { readJson } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import { TaskGroup } from "../../resilience/task-group.ts";

interface OpsRoutesDeps {
  readonly history: HistoryOperations;
  readonly identity: IdentityAdministration;
  readonly now: Clock;
}

/** What operators see and do. The gateway has checked the permission of each route; identity writes the audit. */
export function addOpsRoutes(app: Hono<BffEnv>, { history, identity, now }: OpsRoutesDeps): void {
  app.get("/v1/ops/overview", async function overview(c) {
    const ctx = callContext(c.env.scope, now());
    const parts: { history?: unknown; identity?: unknown } = {};
    const group = new TaskGroup();
    group.go(async () => {
      parts.history = await rpc("read the history's overview", history.overview(ctx));
    });
    group.go(async () => {
      parts.identity = await rpc("read identity's overview", identity.overview(ctx));
    });
    await group.wait();
    return c.json({ at: now(), ...parts });
  });

  app.post("/v1/ops/history/flush", async function flushHistory(c) {
    return c.json(await rpc("flush the history", history.flush(callContext(c.env.scope, now()))), 202);
  });

  app.put("/v1/ops/users/:id/roles", async function setRoles(c) {
    const { roles } = await readJson(c.req.raw, setRolesSchema);
    const userId = userIdSchema.safeParse(c.req.param("id"));
    if (!userId.success) throw new CodedError("NOT_FOUND", "No such user");
    return c.json(await rpc("set roles", identity.setRoles(callContext(c.env.scope, now()), userId.data, roles)));
  });

  app.post("/v1/ops/keys/rotate", async function rotateKeys(c) {
    return c.json(await rpc("rotate keys", identity.rotateKeys(callContext(c.env.scope, now()))), 201);
  });
}
