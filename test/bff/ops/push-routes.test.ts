import { describe, expect, it } from "vitest";
import { addPushRoutes } from "../../../src/bff/ops/push-routes.ts";
import type { PushMessage, RealtimePushes } from "../../../src/contracts/realtime-rpc.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const ADA = "0190a1b2-0000-7000-8000-000000000001";
const BOB = "0190a1b2-0000-7000-8000-000000000002";

/** The BFF over a realtime worker that writes down what it is asked. */
function opsBff({ isDown = false } = {}) {
  const asked: unknown[] = [];
  const told = (what: string, to: unknown, { op, body }: PushMessage) => {
    asked.push([what, to, op, [...body]]);
    if (isDown) throw new Error("the realtime worker is down");
    return { delivered: 3 };
  };
  const service: Partial<RealtimePushes> = {
    users: async (_ctx, ids, message) => told("users", ids, message),
    room: async (_ctx, room, message) => told("room", room, message),
    all: async (_ctx, message) => told("all", null, message),
    online: async (_ctx, room) => {
      asked.push(["online", room]);
      return { online: 7 };
    },
  };
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["admin"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addPushRoutes(app, { realtime: guardedRpc(service as RealtimePushes, testGuard()) }),
  });
  async function call(path: string, body: BodyInit | null = "hi") {
    const method = path.startsWith("/push") ? "POST" : "GET";
    const request = new Request(`https://bff.internal/v1/ops${path}`, {
      method,
      ...(method === "POST" && { body }),
    });
    const response = await bff(request, {});
    return { status: response.status, body: await response.json<{ code?: string }>() };
  }
  return { call, asked };
}

describe("an operator's push", () => {
  it("carries its body byte for byte, to users, a room or all", async () => {
    const { call, asked } = opsBff();
    const bytes = new Uint8Array([0, 255, 10]);
    const answer = { status: 202, body: { delivered: 3 } };
    expect(await call(`/push/users?operation=1000&ids=${ADA},${BOB}`, bytes)).toEqual(answer);
    expect(await call("/push/room?operation=1001&id=live%3A%2F%2F1", bytes)).toEqual(answer);
    expect(await call("/push/all?operation=2147483647", null)).toEqual(answer);
    expect(asked).toEqual([
      ["users", [ADA, BOB], 1_000, [0, 255, 10]],
      ["room", "live://1", 1_001, [0, 255, 10]],
      ["all", null, 2_147_483_647, []],
    ]);
  });

  it("is refused where nobody could take it, or it would look like the platform's own", async () => {
    const { call, asked } = opsBff();
    const ids = Array.from({ length: 101 }, () => ADA).join(",");
    for (const path of [
      "/push/all",
      "/push/all?operation=x",
      "/push/all?operation=1e3",
      "/push/all?operation=999",
      "/push/all?operation=2147483648",
      "/push/all?operation=2002",
      "/push/users?operation=1000",
      "/push/users?operation=1000&ids=",
      "/push/users?operation=1000&ids=nobody",
      `/push/users?operation=1000&ids=${ids}`,
      "/push/room?operation=1000",
      "/push/room?operation=1000&id=live",
      "/online?room=live",
    ])
      expect([path, await call(path)]).toMatchObject([path, { status: 422, body: { code: "INVALID" } }]);
    const tooMuch = await call("/push/all?operation=1000", "x".repeat(4_097));
    expect(tooMuch).toMatchObject({ status: 413, body: { code: "TOO_LARGE" } });
    expect((await call("/push/all?operation=1000", "x".repeat(4_096))).status).toBe(202);
    expect(asked).toHaveLength(1);
  });

  it("is made once, since nobody knows whether one that has failed was heard", async () => {
    const { call, asked } = opsBff({ isDown: true });
    expect((await call("/push/all?operation=1000")).status).toBe(503);
    expect(asked).toHaveLength(1);
  });
});

describe("who is online", () => {
  it("is counted in a room or in all", async () => {
    const { call, asked } = opsBff();
    expect(await call("/online?room=live://1")).toEqual({ status: 200, body: { online: 7 } });
    expect(await call("/online")).toEqual({ status: 200, body: { online: 7 } });
    expect(asked).toEqual([
      ["online", "live://1"],
      ["online", undefined],
    ]);
  });
});
