import { describe, expect, it } from "vitest";
import type { HistoryOperations } from "../../../src/contracts/history.ts";
import { addHistoryRoutes } from "../../../src/bff/ops/history-routes.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const KEY = { userId: "ada", kind: "video", itemId: "m1", rev: 7 };

/** The BFF over a history that writes down what it is asked. */
function opsBff() {
  const asked: unknown[] = [];
  const answer =
    (method: string, value: unknown) =>
    async (_ctx: unknown, input: unknown): Promise<never> => {
      asked.push([method, input]);
      return value as never;
    };
  const service = {
    rejected: answer("rejected", { items: [] }),
    redriveRejected: answer("redriveRejected", { redriven: [], refused: [], more: false }),
  } as unknown as HistoryOperations;
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["admin"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addHistoryRoutes(app, { history: guardedRpc(service, testGuard()) }),
  });
  async function call(method: string, path: string, body?: unknown) {
    const response = await bff(
      new Request(`https://bff.internal${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      {},
    );
    return { status: response.status, body: await response.json<{ code?: string }>() };
  }
  return { call, asked };
}

describe("the routes on rejected records", () => {
  it("ask history for a page, twenty if nobody says how many", async () => {
    const { call, asked } = opsBff();
    expect(await call("GET", "/v1/ops/rejected")).toEqual({ status: 200, body: { items: [] } });
    await call("GET", "/v1/ops/rejected?limit=5&cursor=abc_-9");
    expect(asked).toEqual([
      ["rejected", { limit: 20 }],
      ["rejected", { limit: 5, cursor: "abc_-9" }],
    ]);
  });

  it("pass on what is to be redriven, with items as they were listed", async () => {
    const { call, asked } = opsBff();
    const listed = { ...KEY, database: 1, reason: "why", at: 1, record: {} };
    expect((await call("POST", "/v1/ops/rejected/redrive", { items: [listed] })).status).toBe(200);
    await call("POST", "/v1/ops/rejected/redrive", { all: true, dryRun: true });
    expect(asked).toEqual([
      ["redriveRejected", { items: [KEY] }],
      ["redriveRejected", { all: true, dryRun: true }],
    ]);
  });

  it("refuse with 422 what is out of bounds or says nothing", async () => {
    const { call, asked } = opsBff();
    for (const query of ["limit=0", "limit=101", "limit=x", "cursor=a b", "cursor="]) {
      expect(await call("GET", `/v1/ops/rejected?${query}`)).toMatchObject({
        status: 422,
        body: { code: "INVALID" },
      });
    }
    const tooMany = { items: Array.from({ length: 101 }, () => KEY) };
    for (const body of [
      {},
      { all: false },
      { all: true, items: [KEY] },
      { items: [] },
      { items: [{ ...KEY, rev: "7" }] },
      tooMany,
    ]) {
      expect(await call("POST", "/v1/ops/rejected/redrive", body)).toMatchObject({
        status: 422,
        body: { code: "INVALID" },
      });
    }
    expect(asked).toEqual([]);
  });
});
