import { expect, it } from "vitest";
import { addOpsRoutes } from "../../../src/bff/ops/routes.ts";
import { CodedError, type ErrorCode } from "../../../src/contracts/errors.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

type Part = "history" | "identity" | "wallet" | "savings";

/** The overview where some services refuse with a code. */
async function overviewWhere(refusing: readonly Part[], code: ErrorCode) {
  const serviceOf = (name: Part) => {
    const overview = async (): Promise<unknown> => {
      if (refusing.includes(name)) throw new CodedError(code, "overview", { mustNotRetry: true });
      return { of: name };
    };
    return guardedRpc({ overview } as never, testGuard({ upstream: name })) as never;
  };
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["operator"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addOpsRoutes(app, {
        history: serviceOf("history"),
        identity: serviceOf("identity"),
        ledgers: { wallet: serviceOf("wallet"), savings: serviceOf("savings") },
        now: () => 7,
      }),
  });
  const response = await bff(new Request("https://bff.internal/v1/ops/overview"), {});
  return { status: response.status, body: await response.json<object>() };
}

const ALL = {
  at: 7,
  history: { of: "history" },
  identity: { of: "identity" },
  wallet: { of: "wallet" },
  savings: { of: "savings" },
};

it("operators see which parts are refused at the spending cap, and all the others", async () => {
  const [cap, all] = [
    await overviewWhere(["savings", "history"], "SPENDING_CAP"),
    ["history", "identity", "wallet", "savings"] as const,
  ];
  expect(cap).toEqual({
    status: 200,
    body: { ...ALL, history: null, savings: null, atSpendingCap: ["history", "savings"] },
  });
  expect((await overviewWhere(all, "SPENDING_CAP")).body).toMatchObject({ atSpendingCap: all });
});

it("where nothing is refused none is named, and a part that is away is an error as ever", async () => {
  expect(await overviewWhere([], "SPENDING_CAP")).toEqual({
    status: 200,
    body: { ...ALL, atSpendingCap: [] },
  });
  expect((await overviewWhere(["wallet"], "UNAVAILABLE")).status).toBe(503);
});
