import { describe, expect, it } from "vitest";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const PUSH = "/v1/ops/push/all?operation=1000";
/** No text: a decoder would put something else there. */
const BYTES = new Uint8Array([0, 255, 254, 10, 123]);

/** The gateway over a BFF that answers the bytes that it was sent. */
async function setUp() {
  const gateway = await testGateway(async (request) =>
    Response.json({
      type: request.headers.get("content-type"),
      bytes: [...new Uint8Array(await request.arrayBuffer())],
    }),
  );
  const token = await accessToken({
    key: gateway.identityKey,
    nowMs: gateway.clock.now(),
    roles: ["user", "admin"],
  });
  const post = (path: string, body: BodyInit | null, headers: Record<string, string> = {}) =>
    gateway.call(path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, ...headers },
      body,
      ...(body instanceof ReadableStream && { duplex: "half" }),
    });
  return { post };
}

const streamOf = (bytes: Uint8Array): ReadableStream =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });

describe("a route that takes bytes", () => {
  it.each(["application/json", "image/png", "nonsense"])(
    "passes them on as they are, whatever type they are said to be of: %s",
    async (type) => {
      const { post } = await setUp();
      const passed = { type: "application/octet-stream", bytes: [...BYTES] };
      const declared = { "content-type": type, "content-length": String(BYTES.length) };
      expect(await (await post(PUSH, BYTES, declared)).json()).toEqual(passed);
      expect(await (await post(PUSH, streamOf(BYTES), { "content-type": type })).json()).toEqual(passed);
    },
  );

  it("needs neither a type nor a body", async () => {
    const { post } = await setUp();
    expect((await post(PUSH, streamOf(BYTES))).status).toBe(200);
    expect(await (await post(PUSH, null)).json()).toEqual({ type: null, bytes: [] });
  });

  it("takes 4,096 of them and no more, whether their length is said or not", async () => {
    const { post } = await setUp();
    const [most, tooMany] = [new Uint8Array(4_096), new Uint8Array(4_097)];
    expect((await post(PUSH, most, { "content-length": "4096" })).status).toBe(200);
    expect((await post(PUSH, streamOf(most))).status).toBe(200);
    expect((await post(PUSH, tooMany, { "content-length": "4097" })).status).toBe(413);
    expect((await post(PUSH, streamOf(tooMany))).status).toBe(413);
  });

  it("is one of few: elsewhere a body is JSON by its type", async () => {
    const { post } = await setUp();
    const image = { "content-type": "image/png", "content-length": "5" };
    expect((await post("/v1/ops/outbox/park", BYTES, image)).status).toBe(415);
  });
});
