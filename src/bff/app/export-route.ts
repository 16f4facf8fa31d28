import type { Hono } from "hono";
import type { HistoryPlayback } from "../../contracts/history.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { ndjsonStream } from "./ndjson.ts";

/** All entries of a user as of one moment, streamed. `fields` has no meaning for it. */
export function addExportRoute(app: Hono<BffEnv>, history: GuardedRpc<HistoryPlayback>): void {
  app.get("/v1/history/export", async function exportHistory(c) {
    const scope = permitted(c.env.scope, "history:own");
    const entries = await history.read(scope, "export a history", (service, ctx) => service.exportAll(ctx));
    return c.body(ndjsonStream(entries), 200, { "content-type": "application/x-ndjson" });
  });
}
