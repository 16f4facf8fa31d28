import { describe, expect, it } from "vitest";
import { addHistoryRoutes } from "../../../src/bff/app/history-routes.ts";
import type { HistoryPlayback, ReportReceipt } from "../../../src/contracts/history.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

/** The app BFF over a history that answers a report so. */
async function answerTo(receipt: ReportReceipt): Promise<Response> {
  const service = { report: async () => receipt } as unknown as HistoryPlayback;
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "ada", sessionId: "s-1", roles: ["user"] }),
    logger: createLogger({ worker: "app", level: "silent" }),
    now: () => NOW_MS,
    checkReady: async () => undefined,
    addRoutes(app) {
      const history = guardedRpc(service, testGuard({ now: () => NOW_MS }));
      addHistoryRoutes(app, { history, reports: history, now: () => NOW_MS });
    },
  });
  const body = JSON.stringify({ reports: [{ kind: "video", itemId: "film", positionMs: 1 }] });
  return bff(new Request("http://bff/v1/history/reports", { method: "POST", body }), {});
}

const NOW_MS = Date.UTC(2026, 0);
const TAKEN = { accepted: 1, ignored: 0 };

describe("what a report has waited on purpose", () => {
  it("is told beside the answer, and not in it", async () => {
    const answer = await answerTo({ ...TAKEN, waitedMs: 112 });
    expect(answer.headers.get("server-timing")).toBe("commit;dur=112");
    expect(await answer.json()).toEqual({ ...TAKEN, now: NOW_MS });
  });

  it("is nothing, from a history of the release before too", async () => {
    const answer = await answerTo(TAKEN);
    expect(answer.headers.has("server-timing")).toBe(false);
    expect(await answer.json()).toEqual({ ...TAKEN, now: NOW_MS });
  });
});
