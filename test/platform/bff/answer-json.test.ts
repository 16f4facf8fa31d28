import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { answerJson } from "../../../src/platform/bff/answer-json.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { createLogger } from "../../../src/platform/logger.ts";

const PAGE = { items: [{ kind: "video", itemId: "m1" }], nextCursor: "c", degraded: true };
const REQUEST_ID = "request-77";

/** A BFF that answers each path's last word; it writes down what it has done for it. */
function bff() {
  const done: string[] = [];
  const fetchBff = createBff({
    verifyInternalToken: async () => null,
    logger: createLogger({ worker: "bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes(app) {
      app.get("/page", (c) => {
        done.push("page");
        return answerJson(c, PAGE);
      });
      app.get("/list", (c) => answerJson(c, [1, 2]));
      app.get("/fails", () => {
        throw new CodedError("CONFLICT", "taken");
      });
      app.post("/page", (c) => answerJson(c, PAGE, 201));
    },
  });
  const call = async (method: string, path: string) => {
    const headers = { "x-request-id": REQUEST_ID, ratelimit: "r", "ratelimit-policy": "p" };
    const response = await fetchBff(new Request(`http://bff${path}`, { method, headers }), {});
    const text = await response.text();
    return { response, text, body: text === "" ? null : (JSON.parse(text) as Record<string, unknown>) };
  };
  const trimmed = async (fields: string) =>
    (await call("GET", `/page?limit=1&fields=${encodeURIComponent(fields)}`)).body;
  return { call, trimmed, done };
}

describe("a JSON answer", () => {
  it("has all headers of every response, whatever its status", async () => {
    const { call } = bff();
    for (const [method, status] of [
      ["GET", 200],
      ["POST", 201],
    ] as const) {
      const { response, body } = await call(method, "/page");
      expect([response.status, body]).toEqual([status, PAGE]);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-request-id": REQUEST_ID,
        "x-content-type-options": "nosniff",
        ratelimit: "r",
        "ratelimit-policy": "p",
      });
    }
  });
});

describe("`fields`", () => {
  it("leaves the named members of a GET's answer, in the order of the answer, whole", async () => {
    const { trimmed } = bff();
    expect(await trimmed("items")).toEqual({ items: PAGE.items });
    expect(JSON.stringify(await trimmed("nextCursor,items,items"))).toBe(
      JSON.stringify({ items: PAGE.items, nextCursor: "c" }),
    );
  });

  it("may name what isn't there, and nothing that isn't the answer's own", async () => {
    const { trimmed } = bff();
    expect(await trimmed("items,more")).toEqual({ items: PAGE.items });
    expect(await trimmed("toString,constructor,hasOwnProperty")).toEqual({});
  });

  it("asks for no more than any set of members, and gives exactly that", async () => {
    const { trimmed } = bff();
    const names = ["items", "nextCursor", "degraded", "more"] as const;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }), async (wanted) => {
        const expected = Object.entries(PAGE).filter(([name]) => wanted.some((other) => other === name));
        expect(await trimmed(wanted.join(","))).toEqual(Object.fromEntries(expected));
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["none", ""],
    ["an empty name", "items,"],
    ["a blank", "items, nextCursor"],
    ["a path", "items.kind"],
    ["a call", "items(kind)"],
    ["everything", "*"],
    ["a hidden member", "__proto__"],
    ["a name of 33 characters", "x".repeat(33)],
    ["21 names", Array.from({ length: 21 }, (_, index) => `f${index}`).join(",")],
  ])("that is %s is refused by name, before anything is done", async (_what, fields) => {
    const { call, done } = bff();
    const { response, body } = await call("GET", `/page?fields=${encodeURIComponent(fields)}`);
    expect([response.status, body]).toEqual([
      422,
      expect.objectContaining({ code: "INVALID", errors: [{ path: "fields", message: expect.any(String) }] }),
    ]);
    expect(done).toEqual([]);
  });

  it("may be 20 names of 32 characters", async () => {
    const { call } = bff();
    const names = Array.from({ length: 20 }, (_, index) => `${"x".repeat(30)}${10 + index}`);
    expect((await call("GET", `/page?fields=${names.join(",")}`)).response.status).toBe(200);
  });

  it("means nothing to other methods, to problems, and to what is no object", async () => {
    const { call } = bff();
    expect((await call("POST", "/page?fields=items")).body).toEqual(PAGE);
    expect((await call("POST", "/page?fields=*")).response.status).toBe(201);
    expect((await call("GET", "/fails?fields=items")).body).toMatchObject({ code: "CONFLICT", status: 409 });
    expect((await call("GET", "/list?fields=items")).body).toEqual([1, 2]);
  });

  it("is found wherever it is in the query, and also where it is written with escapes", async () => {
    const { call } = bff();
    for (const query of ["?a=?&fields=items", "??&fields=no&%66ields=items", "?f%69eld%73=items"])
      expect((await call("GET", `/page${query}`)).body).toEqual({ items: PAGE.items });
    expect((await call("GET", "/fields%?limit=1")).response.status).toBe(404);
  });

  it("is looked for once in a query, also in one of nothing but question marks", async () => {
    const { call } = bff();
    const path = `/page?${"?".repeat(100_000)}`;
    const startedAtMs = performance.now();
    expect((await call("GET", path)).response.status).toBe(200);
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  });

  it("is refused to HEAD as to GET", async () => {
    const { call } = bff();
    const statusOf = async (fields: string) => (await call("HEAD", `/page?fields=${fields}`)).response.status;
    expect([await statusOf("items"), await statusOf("*")]).toEqual([200, 422]);
  });
});
