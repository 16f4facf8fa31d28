import type { Hono } from "hono";
import { itemKeySchema, markSchema, settingsSchema, type HistoryPlayback } from "../../contracts/history.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readJson, validate } from "../../platform/validate.ts";

const ITEM_PATH = "/v1/history/:kind/:itemId";
const SETTINGS_PATH = "/v1/history/settings";

/**
 * What people do to their history themselves: mark, delete, clear, pause. Twice is as good as once.
 */
export function addByHandRoutes(app: Hono<BffEnv>, history: GuardedRpc<HistoryPlayback>): void {
  app.put(ITEM_PATH, async function markItem(c) {
    const scope = permitted(c.env.scope, "history:own");
    const item = validate(itemKeySchema, c.req.param());
    // One without a date is dated by the shard, which knows what it must be later than: whose clock
    // is behind that of others would mark nothing.
    const mark = await readJson(c.req.raw, markSchema);
    return answerJson(
      c,
      await history.idempotentWrite(scope, "mark an item", (service, ctx) => service.mark(ctx, item, mark)),
    );
  });

  app.delete(ITEM_PATH, async function deleteItem(c) {
    const scope = permitted(c.env.scope, "history:own");
    const item = validate(itemKeySchema, c.req.param());
    await history.idempotentWrite(scope, "delete an item", (service, ctx) => service.remove(ctx, item));
    return c.body(null, 204);
  });

  app.delete("/v1/history", async function clearHistory(c) {
    const scope = permitted(c.env.scope, "history:own");
    await history.idempotentWrite(scope, "clear a history", (service, ctx) => service.clear(ctx));
    return c.body(null, 204);
  });

  app.get(SETTINGS_PATH, async function readSettings(c) {
    const scope = permitted(c.env.scope, "history:own");
    return answerJson(
      c,
      await history.read(scope, "read settings of a history", (service, ctx) => service.settings(ctx)),
    );
  });

  app.put(SETTINGS_PATH, async function changeSettings(c) {
    const scope = permitted(c.env.scope, "history:own");
    const settings = await readJson(c.req.raw, settingsSchema);
    return answerJson(
      c,
      await history.idempotentWrite(scope, "change settings of a history", (service, ctx) =>
        service.setSettings(ctx, settings),
      ),
    );
  });
}
