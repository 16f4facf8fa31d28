import { describe, expect, it } from "vitest";
import { addHistoryRoutes } from "../../../src/bff/app/history-routes.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { Entry, HistoryPlayback } from "../../../src/contracts/history.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const ENTRY: Entry = {
  kind: "video",
  itemId: "m1",
  positionMs: 1,
  event: "playing",
  watchedAt: 1_700_000_000_000,
  watched: true,
};
const ITEM = { kind: "video", itemId: "m1" };
const AT = Date.UTC(2023, 0);

/** The app BFF over a fake history: what it answers, what was asked of it, and how often. */
function bffOver(answer: (method: string) => unknown = () => undefined) {
  const clock = new VirtualTime();
  const asked: (readonly [method: string, ...args: unknown[]])[] = [];
  const method =
    (name: PropertyKey) =>
    async (_ctx: unknown, ...args: readonly unknown[]) => {
      asked.push([String(name), ...args]);
      return answer(String(name));
    };
  const service = new Proxy({} as HistoryPlayback, { get: (_service, name) => method(name) });
  const history = guardedRpc(service, testGuard({ now: clock.now }));
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "ada", sessionId: "s-1", roles: ["user"] }),
    logger: createLogger({ worker: "app", level: "silent" }),
    now: clock.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addHistoryRoutes(app, { history, reports: history, now: clock.now }),
  });
  const call = (route: string, body?: unknown): Promise<Response> => {
    const [verb = "", path = ""] = route.split(" ");
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return bff(new Request(`http://bff${path}`, { method: verb, ...sent }), {});
  };
  return { call, asked, clock };
}

async function faultsOf(response: Response): Promise<unknown> {
  const { errors = [] } = (await response.json()) as { errors?: readonly { readonly path: string }[] };
  return [response.status, errors.map(({ path }) => path)];
}

describe("an item", () => {
  it("is marked, asked for again where the call fails, and answered as it stands then", async () => {
    let attempts = 0;
    const { call, asked } = bffOver(() => {
      attempts += 1;
      if (attempts === 1) throw new Error("Durable Object reset because its code was updated.");
      return ENTRY;
    });
    const response = await call("PUT /v1/history/video/m1", { watched: true });
    expect([response.status, await response.json()]).toEqual([200, ENTRY]);
    const once = ["mark", ITEM, { watched: true }];
    expect(asked).toEqual([once, once]);
  });

  it.each([
    ["when its client says", { dismissed: true, at: AT }, { dismissed: true, at: AT }],
    [
      "by the clock of its shard, which knows what it must be later than",
      { watched: true },
      { watched: true },
    ],
    ["without what nobody knows", { watched: true, mood: "good", rawAt: 1 }, { watched: true }],
  ])("is marked %s", async (_name, body, mark) => {
    const { call, asked } = bffOver(() => ENTRY);
    expect((await call("PUT /v1/history/video/m1", body)).status).toBe(200);
    expect(asked).toEqual([["mark", ITEM, mark]]);
  });

  it.each([
    ["PUT /v1/history/Video/m1", { watched: true }, ["kind"]],
    ["PUT /v1/history/video/a%2Fb", { watched: true }, ["itemId"]],
    ["PUT /v1/history/vi%20deo/a%20b", { watched: true }, ["kind", "itemId"]],
    ["PUT /v1/history/video/m1", {}, ["watched"]],
    ["PUT /v1/history/video/m1", { watched: "yes" }, ["watched"]],
    ["PUT /v1/history/video/m1", { dismissed: false }, ["dismissed"]],
    ["PUT /v1/history/video/m1", { watched: true, at: 1_700_000_000 }, ["at"]],
    [`DELETE /v1/history/video/${"x".repeat(65)}`, undefined, ["itemId"]],
    ["DELETE /v1/history/0/m1", undefined, ["kind"]],
    ["PUT /v1/history/settings", { paused: "yes" }, ["paused"]],
    ["PUT /v1/history/settings", {}, ["paused"]],
    ["GET /v1/history/changes?limit=0", undefined, ["limit"]],
    ["GET /v1/history/changes?limit=101", undefined, ["limit"]],
    ["GET /v1/history/changes?since=A.b", undefined, ["since"]],
  ])("%s is refused with what is wrong, and nobody is asked", async (route, body, paths) => {
    const { call, asked } = bffOver();
    expect(await faultsOf(await call(route, body))).toEqual([422, paths]);
    expect(asked).toEqual([]);
  });

  it("that isn't there can't be marked as not watched", async () => {
    const { call } = bffOver(() => {
      throw new CodedError("NOT_FOUND", "No such entry");
    });
    expect((await call("PUT /v1/history/video/m1", { watched: false })).status).toBe(404);
  });

  it.each([
    ["DELETE /v1/history/video/m1", ["remove", ITEM]],
    ["DELETE /v1/history", ["clear"]],
  ])("%s is answered 204", async (route, call) => {
    const { call: ask, asked } = bffOver();
    const response = await ask(route);
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(asked).toEqual([call]);
  });
});

describe("what is read and set beside", () => {
  it("settings", async () => {
    const { call, asked } = bffOver(() => ({ paused: true }));
    expect(await (await call("GET /v1/history/settings")).json()).toEqual({ paused: true });
    expect(await (await call("PUT /v1/history/settings", { paused: true })).json()).toEqual({ paused: true });
    expect(asked).toEqual([["settings"], ["setSettings", { paused: true }]]);
  });

  it("changes, 100 of them where nobody says how many", async () => {
    const page = { changes: [{ entry: ENTRY }], cursor: "z9", more: false };
    const { call, asked } = bffOver(() => page);
    expect(await (await call("GET /v1/history/changes")).json()).toEqual(page);
    await call("GET /v1/history/changes?since=z9&limit=7");
    expect(asked).toEqual([
      ["changes", { limit: 100 }],
      ["changes", { since: "z9", limit: 7 }],
    ]);
  });

  it("the export, a line an entry, whatever `fields` says", async () => {
    const entries = Array.from({ length: 250 }, (_, index) => ({ ...ENTRY, itemId: `m${index}` }));
    const { call, asked } = bffOver(() => entries);
    const response = await call("GET /v1/history/export?fields=items");
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
    const lines = (await response.text()).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(entries);
    expect(asked).toEqual([["exportAll"]]);
  });

  it("the export of nothing is empty, and HEAD has no body", async () => {
    const { call } = bffOver(() => []);
    expect(await (await call("GET /v1/history/export")).text()).toBe("");
    const head = await call("HEAD /v1/history/export");
    expect([head.status, head.body]).toEqual([200, null]);
  });

  it("the export fails before its first byte, or not at all", async () => {
    const { call } = bffOver(() => {
      throw new CodedError("UNAVAILABLE", "The database is away");
    });
    const response = await call("GET /v1/history/export");
    expect([response.status, response.headers.get("content-type")]).toEqual([
      503,
      "application/problem+json",
    ]);
  });
});

describe("a history of the release before", () => {
  const NEW = [
    ["PUT /v1/history/video/m1", { watched: true }],
    ["DELETE /v1/history/video/m1", undefined],
    ["DELETE /v1/history", undefined],
    ["GET /v1/history/settings", undefined],
    ["PUT /v1/history/settings", { paused: true }],
    ["GET /v1/history/changes", undefined],
    ["GET /v1/history/export", undefined],
  ] as const;
  const olderHistory = () =>
    bffOver((method) => {
      if (method === "list") return { items: [] };
      throw new TypeError(`The RPC receiver does not implement the method "${method}".`);
    });

  it.each(NEW)("answers %s 503 for now, asked once, and later", async (route, body) => {
    const { call, asked } = olderHistory();
    const response = await call(route, body);
    const { code } = (await response.json()) as { readonly code: string };
    expect([response.status, code, asked.length]).toEqual([503, "UNAVAILABLE", 1]);
    expect([response.headers.get("retry-after"), response.headers.get("x-no-retry")]).toEqual(["30", "1"]);
  });

  it("is well all the same: however often that happens, what it knows is asked of it", async () => {
    const { call, asked } = olderHistory();
    for (let round = 0; round < 50; round += 1) for (const [route, body] of NEW) await call(route, body);
    expect(asked).toHaveLength(50 * NEW.length);
    expect((await call("GET /v1/history")).status).toBe(200);
  });
});
