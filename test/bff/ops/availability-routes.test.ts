import { expect, it, vi } from "vitest";
import {
  addAvailabilityRoutes,
  type AvailabilityRoutesDeps,
} from "../../../src/bff/ops/availability-routes.ts";
import { createBff } from "../../../src/platform/bff-app.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { never } from "../../support/hung-bindings.ts";
import { testGuard } from "../../support/test-guard.ts";

const hung = { view: () => never, report: () => never, ask: () => never, set: () => never, all: () => never };

/** The BFF over objects that hang, with so many places before them. */
function opsBff(placesMax: number, more: Partial<AvailabilityRoutesDeps> = {}) {
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["admin"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addAvailabilityRoutes(app, {
        guard: testGuard({ placesMax }),
        breakerOf: () => hung,
        windowOf: () => hung,
        faults: { boards: () => hung as never, bootId: "boot" },
        now: Date.now,
        ...more,
      }),
  });
  return (method: string, path: string, signal: AbortSignal): Promise<Response> =>
    bff(
      new Request(`https://bff.internal${path}`, {
        method,
        signal,
        ...(method === "PUT" ? { body: JSON.stringify({ target: "app", latencyMs: 1 }) } : {}),
      }),
      {},
    );
}

it.each([
  ["GET", "/v1/ops/breakers", 4],
  ["GET", "/v1/ops/limits?client=address:192.0.2.1", 1],
  ["PUT", "/v1/ops/faults", 1],
])(
  "an operator who hangs up has no place with the objects from then on (%s %s)",
  async (method, path, calls) => {
    const guard = testGuard({ placesMax: calls });
    const call = opsBff(calls, { guard });
    const plan = {
      kind: method === "PUT" ? "write" : "read",
      idempotent: false,
      deadlineAtMs: Infinity,
    } as const;
    const enter = (): Promise<string> => guard.call("look", plan, async () => "in");
    const client = new AbortController();
    void call(method, path, client.signal);
    await vi.waitFor(() => expect(enter()).rejects.toMatchObject({ code: "OVERLOADED" }));
    client.abort();
    expect(await enter()).toBe("in");
  },
);
