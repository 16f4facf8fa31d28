import { afterEach, describe, expect, it, vi } from "vitest";
import { readGatewayContext } from "../../src/contracts/gateway-context.ts";
import { ofEachUpstream } from "../../src/contracts/internal-request.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { never } from "../support/workers/hung-bindings.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";

const UPGRADE = { upgrade: "websocket" };
const SOCKET = { is: "a socket" } as unknown as WebSocket;

/** As the runtime has it: 101 is a status, and a response may hold a socket. */
class RuntimeResponse extends Response {
  override readonly webSocket: WebSocket | null;
  readonly #status: number;

  constructor(body?: BodyInit | null, init: ResponseInit = {}) {
    const { status = 200, webSocket = null } = init;
    super(body, { ...init, status: status === 101 ? 204 : status });
    this.webSocket = webSocket;
    this.#status = status;
  }

  override get status(): number {
    return this.#status;
  }
}

const opened = (): Response => {
  const headers = new Headers([
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2; Path=/"],
  ]);
  return new RuntimeResponse(null, { status: 101, headers, webSocket: SOCKET });
};

async function signedIn({ identityKey: key, clock }: Awaited<ReturnType<typeof testGateway>>) {
  return { authorization: `Bearer ${await accessToken({ key, nowMs: clock.now() })}` };
}

afterEach(() => vi.unstubAllGlobals());

describe("a socket", () => {
  it("is handed on as it is, with what every answer has and each of its cookies", async () => {
    vi.stubGlobal("Response", RuntimeResponse);
    const gateway = await testGateway(opened);
    for (const [path, headers] of [
      ["/v1/realtime", await signedIn(gateway)],
      ["/sub", {}],
    ] as const) {
      const answer = await gateway.call(path, { headers: { ...UPGRADE, ...headers } });
      expect([answer.status, answer.webSocket]).toEqual([101, SOCKET]);
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{32}$/);
      expect(answer.headers.get("ratelimit")).toMatch(/^"(default|anonymous)"/);
      expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2; Path=/"]);
    }
  });

  it("is opened by a browser of another origin as well: CORS says nothing of sockets", async () => {
    vi.stubGlobal("Response", RuntimeResponse);
    const gateway = await testGateway(opened);
    const answer = await gateway.call("/sub", { headers: { ...UPGRADE, origin: "https://other.example" } });
    expect([answer.status, answer.webSocket]).toEqual([101, SOCKET]);
  });

  it("is asked for as such, with the internal token and the context, and without what the client has sent", async () => {
    const gateway = await testGateway();
    const forged = { "x-internal-token": "forged", "x-socket": "{}", "idempotency-key": "k-1234567" };
    await gateway.call("/sub?x=1", { headers: { ...UPGRADE, ...forged, "Sec-WebSocket-Protocol": "odd" } });
    const [request] = gateway.forwarded;
    expect([request?.method, request?.url]).toEqual(["GET", "http://playhead/sub?x=1"]);
    expect([...(request?.headers.keys() ?? [])].toSorted()).toEqual([
      "traceparent",
      "upgrade",
      "x-context",
      "x-internal-token",
    ]);
    expect(readGatewayContext(request?.headers ?? new Headers()).attempt).toBe(1);
  });

  it.each([
    ["GET", {}],
    ["HEAD", UPGRADE],
    ["GET", { upgrade: "h2c" }],
    ["GET", { connection: "upgrade" }],
  ])(
    "is all there is: %s with %j is answered 426 and what to come with, and goes nowhere",
    async (method, headers) => {
      const gateway = await testGateway();
      const token = await signedIn(gateway);
      for (const path of ["/v1/realtime", "/sub"]) {
        const answer = await gateway.call(path, { method, headers: { ...token, ...headers } });
        expect([answer.status, answer.headers.get("upgrade")]).toEqual([426, "websocket"]);
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
        expect(answer.headers.get("ratelimit")).not.toBeNull();
      }
      expect(gateway.forwarded).toEqual([]);
    },
  );

  it("is told 405 where it is asked for by another method", async () => {
    const { call } = await testGateway();
    const answer = await call("/sub", { method: "POST", headers: UPGRADE });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("is asked for once: nobody tries again or beside it, whatever fails", async () => {
    const gateway = await testGateway(() => new Response(null, { status: 503 }));
    const answer = await gateway.call("/v1/realtime", {
      headers: { ...UPGRADE, ...(await signedIn(gateway)) },
    });
    expect(answer.status).toBe(503);
    expect(gateway.forwarded).toHaveLength(1);
  });

  it("is refused where as many are under way as may be", async () => {
    const guards = ofEachUpstream((upstream) => testGuard({ upstream, maxConcurrent: 1 }));
    const gateway = await testGateway(() => never, { guards, now: Date.now });
    void gateway.call("/sub", { headers: UPGRADE });
    await vi.waitFor(() => expect(gateway.forwarded).toHaveLength(1));
    expect((await gateway.call("/sub", { headers: UPGRADE })).status).toBe(503);
    expect(gateway.forwarded).toHaveLength(1);
  });

  it("counts against its client's quota: a stranger opens 60 a minute", async () => {
    const gateway = await testGateway();
    const statuses: number[] = [];
    for (let count = 0; count < 61; count += 1)
      statuses.push((await gateway.call("/sub", { headers: UPGRADE })).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    expect(statuses.at(-1)).toBe(429);
  });
});
