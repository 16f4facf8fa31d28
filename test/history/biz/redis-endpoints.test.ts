import { describe, expect, it } from "vitest";
import { parseRedisEndpoints, tokensOf } from "../../../src/history/biz/redis-endpoints.ts";

const TWO = "main=https://one.example,b=http://127.0.0.1:8079";

describe("the endpoints of the hot store", () => {
  it("are one URL, or several with names", () => {
    expect(parseRedisEndpoints("")).toEqual([]);
    expect(parseRedisEndpoints("https://one.example")).toEqual([
      { name: "main", url: "https://one.example" },
    ]);
    expect(parseRedisEndpoints(TWO)).toEqual([
      { name: "main", url: "https://one.example" },
      { name: "b", url: "http://127.0.0.1:8079" },
    ]);
  });

  it.each([
    "nothing",
    "a=ftp://x",
    "A=https://x",
    "a=https://x,a=https://y",
    "a=https://u:p@x",
    "a=https://x,",
    "http://one.example",
    "main=https://one.example,b=http://127.0.0.1.example",
  ])("are refused where they make no sense: %s", (text) => {
    expect(() => parseRedisEndpoints(text)).toThrow(RangeError);
  });

  it("have a token each, which may end as base64 does, and is in no error", () => {
    const [one, two] = [parseRedisEndpoints("https://one.example"), parseRedisEndpoints(TWO)];
    expect(tokensOf(one, "abc==").get("main")).toBe("abc==");
    expect(tokensOf(one, "main=abc==").get("main")).toBe("abc==");
    expect([...tokensOf(two, "main=abc==,b=x")]).toEqual([
      ["main", "abc=="],
      ["b", "x"],
    ]);
    expect(() => tokensOf(two, "main=se cret,b=x")).toThrow("has none for the endpoint main");
    expect(() => tokensOf(two, "main=secret")).toThrow("has none for the endpoint b");
    expect(() => tokensOf(two, "secret")).toThrow(/^(?!.*secret)/);
    expect(tokensOf([], "somebody else's").size).toBe(0);
  });
});
