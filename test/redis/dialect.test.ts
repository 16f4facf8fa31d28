import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Redis } from "@upstash/redis";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";

let at: FrontAndServer;

beforeAll(async () => {
  at = await startFrontAndServer();
});
afterAll(() => at.stop());

const b64 = (text: string): string => Buffer.from(text).toString("base64");

describe("a command", () => {
  it.each(["plain", "", "OK", "T0s=", "line\r\nbreak", "\0nul", "żółć 🦊", '{"json":1}', "9".repeat(400)])(
    "keeps the text %j",
    async (text) => {
      await at.client.set("text", text);
      expect(await at.client.get("text")).toBe(text);
      expect((await at.native.getBuffer("text"))?.toString()).toBe(text);
    },
  );

  it("gives back bytes that are no text", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await at.native.set("bytes", bytes);
    const { result } = (await (
      await at.post("/", ["GET", "bytes"], { "upstash-encoding": "base64" })
    ).json()) as { result: string };
    expect(Buffer.from(result, "base64").equals(bytes)).toBe(true);
  });

  it("keeps numbers and booleans as they were written, and 64 bits of an integer", async () => {
    await at.post("/", '["SET","n",9007199254740993]');
    expect(await at.native.get("n")).toBe("9007199254740993");
    expect(await (await at.post("/", ["INCR", "n"])).text()).toBe('{"result":9007199254740994}');
    await at.client.set("b", true, { px: 5_000 });
    expect([await at.native.get("b"), await at.native.pttl("b")]).toEqual(["true", expect.any(Number)]);
  });

  it("answers null, arrays, maps and the deepest strings in them as the client expects", async () => {
    expect(await at.client.get("nothing")).toBeNull();
    await at.client.hset("hash", { field: "OK", other: "x" });
    const typed = new Redis({ url: at.url, token: at.token });
    expect(await typed.hgetall("hash")).toEqual({ field: "OK", other: "x" });
    expect(await (await at.post("/", ["hgetall", "hash"], { "upstash-encoding": "base64" })).json()).toEqual({
      result: [b64("field"), b64("OK"), b64("other"), b64("x")],
    });
    expect(await at.client.eval("return {1,'a',{'b',{'OK',false}}}", [], [])).toEqual([
      1,
      "a",
      ["b", ["OK", null]],
    ]);
    await at.client.xadd("stream", "1-1", { field: "v" });
    expect(await typed.xrange("stream", "-", "+")).toEqual({ "1-1": { field: "v" } });
  });

  it("answers OK plainly where it stands alone, and in text when no encoding is asked for", async () => {
    expect(await (await at.post("/", ["SET", "k", "v"], { "upstash-encoding": "base64" })).text()).toBe(
      '{"result":"OK"}',
    );
    expect(await (await at.post("/", ["GET", "k"])).text()).toBe('{"result":"v"}');
    expect(await (await at.post("/", ["PING"], { "upstash-encoding": "base64" })).text()).toBe(
      `{"result":"${b64("PONG")}"}`,
    );
  });

  it("has Redis's own errors, word for word, with status 400", async () => {
    await at.client.lpush("list", "x");
    for (const command of [["GET"], ["nosuch", "a"], ["INCR", "list"], ["EVALSHA", "0".repeat(40), "0"]]) {
      const native: string = await at.native
        .call(command[0] ?? "", command.slice(1))
        .then(String, (error: Error) => error.message);
      const response = await at.post("/", command);
      expect([response.status, await response.json()]).toEqual([400, { error: native }]);
    }
    await expect(at.client.incr("list")).rejects.toThrow(
      "WRONGTYPE Operation against a key holding the wrong kind of value",
    );
  });

  it.each([
    "__proto__",
    "__PROTO__",
    "constructor",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "__defineGetter__",
  ])("called %s is unknown, and does the others no harm", async (name) => {
    const beside = at.post("/", ["SET", "beside", "1"]);
    const response = await at.post("/", [name, "a", "b"]);
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: expect.stringContaining(`ERR unknown command '${name}'`) },
    ]);
    expect((await beside).status).toBe(200);
    expect((await at.post("/multi-exec", [["GET", "beside"], [name]])).status).toBe(400);
    expect(await at.client.get("beside")).toBe("1");
  });

  it("answers with a sync token, which clients send back", async () => {
    expect((await at.post("/", ["PING"])).headers.get("upstash-sync-token")).toBe("one-server");
  });
});

describe("a pipeline", () => {
  it("answers in order, each command with its own result or error", async () => {
    const pipeline = at.client.pipeline();
    pipeline.set("p", "1").incr("p").lpush("p", "x").get("p");
    const results = await pipeline.exec({ keepErrors: true });
    expect(results).toMatchObject([
      { result: "OK" },
      { result: 2 },
      { error: expect.stringContaining("WRONGTYPE") },
      { result: "2" },
    ]);
  });

  it("takes ten thousand commands at once", async () => {
    const pipeline = at.client.pipeline();
    for (let index = 0; index < 10_000; index += 1) pipeline.incr("counter");
    const results = await pipeline.exec();
    expect(results).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
  });
});

describe("a script", () => {
  it("is run by its digest, and loaded when Redis doesn't know it", async () => {
    const script = at.client.createScript<string>("return redis.call('SET', KEYS[1], ARGV[1]) and ARGV[1]");
    await at.native.script("FLUSH");
    await expect(at.client.evalsha(script.sha1 ?? "", ["s"], ["x"])).rejects.toThrow("NOSCRIPT");
    expect(await script.exec(["s"], ["by digest"])).toBe("by digest");
    expect(await script.exec(["s"], ["again"])).toBe("again");
    expect(await at.native.get("s")).toBe("again");
  });
});

describe("whoever has no token", () => {
  it.each(["", "Bearer ", "Bearer wrong", "Basic a-token-for-the-tests-only", "a-token-for-the-tests-only"])(
    "is 401 as JSON with %j",
    async (authorization) => {
      for (const path of ["/", "/pipeline", "/subscribe/chat"]) {
        const response = await at.post(path, ["GET", "k"], { authorization });
        expect([response.status, await response.json()]).toEqual([401, { error: "Unauthorized" }]);
      }
    },
  );

  it("is told so by the client", async () => {
    await expect(new Redis({ url: at.url, token: "wrong", retry: false }).get("k")).rejects.toThrow(
      "Unauthorized",
    );
  });
});

describe("what is no command", () => {
  it.each([
    ["/", "{", 400],
    ["/", "{}", 400],
    ["/", "[]", 400],
    ["/", '["SET","k",null]', 400],
    ["/", '["SET","k",{"a":1}]', 400],
    ["/", '["SET","k","\\ud800"]', 400],
    ["/pipeline", "[]", 400],
    ["/pipeline", '["GET","k"]', 400],
    ["/multi-exec", "[[]]", 400],
    ["/get/k", "", 404],
  ])("at %s is refused as JSON: %s", async (path, body, status) => {
    const response = await at.post(path, body);
    expect([response.status, await response.json()]).toEqual([status, { error: expect.any(String) }]);
  });

  it("is 405 by another method", async () => {
    const response = await fetch(at.url, { headers: { authorization: `Bearer ${at.token}` } });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});
