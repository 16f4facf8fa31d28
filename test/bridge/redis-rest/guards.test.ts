import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Admission } from "../../../bridge/shared/admission.ts";
import { bearerCheck } from "../../../bridge/redis-rest/bearer-token.ts";
import { readRequest } from "../../../bridge/redis-rest/read-request.ts";
import { refusal } from "../../../bridge/redis-rest/refusal.ts";

const TOKEN = "0123456789abcdef";

describe("the token", () => {
  it("is the only one that passes", () => {
    const passes = bearerCheck(TOKEN);
    expect([passes(`Bearer ${TOKEN}`), passes(`bearer ${TOKEN}`)]).toEqual([true, true]);
    fc.assert(fc.property(fc.string(), (guess) => !passes(`Bearer ${guess}`) && !passes(guess)));
    for (const near of [
      undefined,
      "",
      "Bearer",
      TOKEN,
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN} `,
      `Bearer  ${TOKEN}`,
      `Bearer ${TOKEN.slice(1)}`,
    ])
      expect(passes(near)).toBe(false);
  });

  it("is refused where it could be guessed", () => {
    expect(() => bearerCheck("short")).toThrow(RangeError);
  });
});

const WORDS = { prefix: "", items: "commands", server: "Redis" };

describe("admission", () => {
  it("gives back what it took, whoever leaves first", () => {
    const admission = new Admission({ itemsMax: 10, bytesMax: 100 }, WORDS);
    const [first, second] = [admission.enter(4), admission.enter(6)];
    expect(() => admission.enter(1)).toThrow(expect.objectContaining({ status: 503 }));
    expect(() => admission.enter(11)).toThrow(expect.objectContaining({ status: 413 }));
    second();
    const third = admission.enter(6);
    first();
    third();
    expect(() => admission.enter(10)).not.toThrow();
  });

  it("counts a response that passes the bound, and refuses requests until it has gone", () => {
    const admission = new Admission({ itemsMax: 10, bytesMax: 100 }, WORDS);
    const [one, two] = [admission.holder(), admission.holder()];
    one.take(60);
    one.count(500);
    expect(() => two.take(1)).toThrow(expect.objectContaining({ status: 503 }));
    one.giveBack();
    expect(() => two.take(100)).not.toThrow();
  });
});

describe("a path", () => {
  const ask = (method: string, url: string) => readRequest({ method, url } as IncomingMessage);

  it("is a channel's name to its end, as clients put it there", () => {
    expect(ask("POST", "/subscribe/a/b?c")).toEqual({
      what: "events",
      topic: { kind: "subscribe", name: "a/b?c" },
    });
    expect(ask("GET", "/psubscribe/h%C3%A9%20*")).toEqual({
      what: "events",
      topic: { kind: "psubscribe", name: "hé *" },
    });
    expect(() => ask("POST", "/subscribe/%ff")).toThrow(expect.objectContaining({ status: 400 }));
  });

  it.each(["/get/k", "/subscribe/", "/monitor", "/toString", "/__proto__", "//", ""])("is not %s", (url) => {
    expect(() => ask("POST", url)).toThrow(expect.objectContaining({ status: 404 }));
  });

  it("takes POST only", () => {
    expect(() => ask("GET", "/")).toThrow(expect.objectContaining({ status: 405 }));
    expect(() => ask("PUT", "/subscribe/c")).toThrow(expect.objectContaining({ status: 405 }));
  });
});

describe("a refusal", () => {
  it("doesn't depend on how a name is written", () => {
    for (const name of ["select", "Select", "SELECT"])
      expect(refusal({ name, args: ["1"] })).toBe("ERR SELECT is not available over REST");
  });

  it("of a subcommand names what is allowed, so that a new one is refused", () => {
    expect(refusal({ name: "CLIENT", args: ["SOMETHING-NEW"] })).toBe(
      "ERR CLIENT SOMETHING-NEW is not available over REST",
    );
    expect([refusal({ name: "CLIENT", args: ["id"] }), refusal({ name: "CLIENT", args: [] })]).toEqual([
      null,
      null,
    ]);
  });

  it("finds BLOCK where Redis would, and nowhere else", () => {
    const read = (line: string) => refusal({ name: "XREADGROUP", args: line.split(" ") });
    expect(read("GROUP BLOCK BLOCK COUNT 1 STREAMS BLOCK >")).toBeNull();
    expect(read("GROUP g c NOACK BLOCK 0 STREAMS s >")).toContain("BLOCK");
    expect(read("COUNT BLOCK BLOCK 0 STREAMS s >")).toContain("BLOCK");
  });
});
