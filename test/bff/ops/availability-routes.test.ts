import { expect, it } from "vitest";
import { addAvailabilityRoutes } from "../../../src/bff/ops/availability-routes.ts";
import type { BreakerStateRpc, SharedBreakerView } from "../../../src/contracts/durable.ts";
import { createBff } from "../../../src/platform/bff-app.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/test-guard.ts";

const CLOSED = { state: "closed", version: 2, total: 0, failures: 0, openedAtMs: null } as const;
const VIEWS: Readonly<Record<string, SharedBreakerView>> = {
  history: {
    ...CLOSED,
    callers: [
      { worker: "playhead-app-bff", engine: "sre", total: 40, failures: 20 },
      { worker: "playhead-ops-bff", engine: "hystrix", total: 3, failures: 0 },
    ],
  },
};

it("operators see of every shared upstream who calls it, and which engine decides for whom", async () => {
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["operator"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addAvailabilityRoutes(app, {
        guard: testGuard(),
        breakerOf: (upstream) =>
          ({ view: async () => VIEWS[upstream] ?? CLOSED }) as unknown as BreakerStateRpc,
        windowOf: () => ({}) as never,
        faults: null,
        now: () => 1_000,
      }),
  });
  const response = await bff(new Request("https://bff.internal/v1/ops/breakers"), {});
  const { at, breakers } = await response.json<{ at: number; breakers: { upstream: string }[] }>();
  expect(at).toBe(1_000);
  expect(breakers.find(({ upstream }) => upstream === "history")).toEqual({
    upstream: "history",
    state: "closed",
    version: 2,
    total: 0,
    failures: 0,
    callers: VIEWS["history"]?.callers,
  });
  // An object of the release before tells of none.
  expect(breakers.find(({ upstream }) => upstream === "identity")).toMatchObject({ callers: [] });
});
