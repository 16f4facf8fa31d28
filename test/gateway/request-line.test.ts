import { describe, expect, it } from "vitest";
import { readGatewayContext } from "../../src/contracts/gateway-context.ts";
import { logRequest } from "../../src/gateway/request-line.ts";
import { openScope } from "../../src/gateway/request-scope.ts";
import { ROUTES, type Route } from "../../src/gateway/routes.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

/*
 * What docs/design/logs.md promises of the gateway's one line: what matters is always there, what
 * looks alike is there once in so many.
 */

const SAMPLE = 100;
const IN = `00-${"0".repeat(18)}${"f".repeat(14)}-${"b".repeat(16)}-00`;
const OUT = `00-${"f".repeat(18)}${"0".repeat(14)}-${"b".repeat(16)}-01`;

type Line = Awaited<ReturnType<typeof testGateway>>["lines"][number];

/** What opens a socket says so, and means nothing elsewhere. */
const UPGRADE = { upgrade: "websocket" };

const pathOf = ({ path }: Route): string => path.replaceAll(/:\w+/g, "0190a1b2-0000-7000-8000-00000000000a");

/** The lines about one request, and what of it the BFF was told. */
async function linesOf(
  path: string,
  { traceparent = OUT, method = "GET", status = 200, takesMs = 0, roles = ["admin"], headers = {} } = {},
): Promise<{ readonly lines: readonly Line[]; readonly weight: number | null }> {
  const gateway = await testGateway(
    () => {
      gateway.clock.turn(takesMs);
      return Response.json({}, { status, headers: { "content-type": "application/problem+json" } });
    },
    { logSample: SAMPLE },
  );
  const token = await accessToken({ key: gateway.identityKey, nowMs: gateway.clock.now(), roles });
  const body = method === "GET" ? {} : { body: "{}" };
  const type = "application/json";
  const all = { authorization: `Bearer ${token}`, traceparent, "content-type": type, ...UPGRADE, ...headers };
  await gateway.call(path, { ...body, method, headers: all });
  return {
    lines: gateway.lines,
    weight: readGatewayContext(gateway.forwarded[0]?.headers ?? new Headers()).logWeight,
  };
}

const HOT = ROUTES.filter(({ isHot, upstream }) => isHot && upstream !== "gateway");
const COLD = ROUTES.filter(({ isHot }) => !isHot);
const each = (routes: readonly Route[]): [string, Route][] =>
  routes.map((route) => [`${route.methods.join()} ${route.path}`, route]);

it("hot are what players and screens ask of history and home, and sockets; nothing of money, accounts and operators", () => {
  // Nobody is told of what people do by hand by a hundredth of it.
  const isByHand = ({ path, methods }: Route): boolean =>
    methods.some((method) => method === "PUT" || method === "DELETE") || path === "/v1/history/export";
  const isOften = (route: Route): boolean =>
    (route.permission === "history:own" && !isByHand(route)) ||
    route.permission === "home:own" ||
    route.isUpgrade === true;
  expect(HOT).toEqual(ROUTES.filter(isOften));
  expect(HOT.length).toBeGreaterThanOrEqual(5);
  for (const part of ["/wallet", "/transfers", "/account/", "/ops/"])
    expect(COLD.some(({ path }) => path.includes(part))).toBe(true);
});

describe.each(each(HOT))("a success of %s", (_name, route) => {
  const [method = ""] = route.methods;

  it("is not logged outside of the sample, whatever flag the client sends, and nobody below is told to", async () => {
    expect(await linesOf(pathOf(route), { method, traceparent: OUT })).toEqual({ lines: [], weight: null });
  });

  it("is logged in it, says for how many it stands, and whoever is below hears so", async () => {
    const { lines, weight } = await linesOf(pathOf(route), { method, traceparent: IN });
    expect(lines).toEqual([expect.objectContaining({ event: "request", route: route.path, sample: SAMPLE })]);
    expect(lines[0]?.["traceId"]).toBe(IN.slice(3, 35));
    expect(weight).toBe(SAMPLE);
  });

  it.each([IN, OUT])("is always logged if it was slow, and stands for itself: %s", async (traceparent) => {
    const half = route.timeoutMs / 2;
    const slow = await linesOf(pathOf(route), { method, traceparent, takesMs: half + 1 });
    expect(slow.lines).toEqual([expect.objectContaining({ ms: half + 1, status: 200 })]);
    expect(slow.lines[0]).toMatchObject({ sample: undefined });
    const justNot = await linesOf(pathOf(route), { method, traceparent: OUT, takesMs: half });
    expect(justNot.lines).toEqual([]);
  });

  it.each([400, 404, 409, 422, 429, 500, 503, 504])(
    "is always logged if it was none: %i, in the sample and outside",
    async (status) => {
      for (const traceparent of [IN, OUT]) {
        const { lines } = await linesOf(pathOf(route), { method, status, traceparent });
        const own = lines.filter(({ event }) => event === "request");
        expect(own).toEqual([expect.objectContaining({ status, route: route.path })]);
        expect(own[0]).toMatchObject({ sample: undefined });
      }
    },
  );
});

describe.each(each(COLD))("every request of %s", (_name, route) => {
  it("is logged, here and in all workers on its way", async () => {
    const [method = ""] = route.methods;
    for (const traceparent of [IN, OUT]) {
      const { lines, weight } = await linesOf(pathOf(route), { method, traceparent });
      const own = lines.filter(({ event }) => event === "request");
      expect(own).toEqual([expect.objectContaining({ route: route.path, status: 200 })]);
      expect(own[0]).toMatchObject({ sample: undefined });
      expect(weight).toBe(1);
    }
  });
});

describe("what the gateway answers itself", () => {
  it("is sampled like a hot route", async () => {
    for (const path of ["/", "/healthz", "/.well-known/jwks.json"]) {
      expect((await linesOf(path, { traceparent: OUT })).lines).toEqual([]);
      expect((await linesOf(path, { traceparent: IN })).lines).toMatchObject([{ path, sample: SAMPLE }]);
    }
  });

  it("is sampled where it is a ticket, which is in no line", async () => {
    const path = "/v1/realtime/tickets";
    expect((await linesOf(path, { method: "POST", traceparent: OUT })).lines).toEqual([]);
    const { lines } = await linesOf(path, { method: "POST", traceparent: IN });
    expect(lines).toMatchObject([{ route: path, status: 201, sample: SAMPLE }]);
    expect(JSON.stringify(lines)).not.toMatch(/eyJ/);
  });

  it("is always logged where it is a refusal", async () => {
    const refused = async (path: string, more: Parameters<typeof linesOf>[1]) =>
      (await linesOf(path, { traceparent: OUT, ...more })).lines;
    expect(await refused("/nowhere", {})).toMatchObject([{ status: 404, path: "/nowhere" }]);
    expect(await refused("/healthz", { method: "DELETE" })).toMatchObject([{ status: 405 }]);
    expect(await refused("/v1/home", { method: "DELETE" })).toMatchObject([{ status: 405 }]);
    const badToken = { headers: { authorization: "Bearer none" } };
    expect(await refused("/v1/history", badToken)).toMatchObject([{ status: 401, code: "UNAUTHENTICATED" }]);
    expect(await refused("/v1/ops/audit", { roles: ["user"] })).toMatchObject([{ code: "FORBIDDEN" }]);
  });
});

it("nobody outside can say that a request is to be logged", async () => {
  const { lines, weight } = await linesOf("/v1/history", { headers: { "x-context": '{"logWeight":1}' } });
  expect({ lines, weight }).toEqual({ lines: [], weight: null });
});

it("of a line that isn't written nothing is made", () => {
  const request = new Request("https://api.example.com/v1/history", { headers: { traceparent: OUT } });
  const route = { path: "/v1/history", timeoutMs: 1_000 };
  const unread = (): never => {
    throw new Error("something was made of it");
  };
  const scope = Object.defineProperties(
    { ...openScope(request, 0), route },
    { principal: { get: unread }, failure: { get: unread }, requestId: { get: unread } },
  );
  const logger = { debug: unread, info: unread, warn: unread, error: unread };
  const write = (): void => logRequest({ logger, now: () => 500, logSample: SAMPLE }, request, 200, scope);
  expect(write).not.toThrow();
  scope.logWeight = SAMPLE;
  expect(write).toThrow("something was made of it");
});
