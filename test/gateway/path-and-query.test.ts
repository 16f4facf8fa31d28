import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pathAndQueryOf } from "../../src/gateway/request-scope.ts";

/** As the parser has it. */
function parsed(href: string): ReturnType<typeof pathAndQueryOf> {
  const url = URL.parse(href);
  return url === null ? null : { path: url.pathname, query: url.search };
}

const signs = fc.constantFrom(..."ab-_/.%2eE?=&#\\:@'\"<> \u00e9\t~+,;!".split(""));
const hosts = fc.oneof(
  fc.constantFrom(
    "localhost:8787",
    "127.0.0.1:60001",
    "127.0.0.1:4",
    "api.example.com",
    "xn--a",
    "a.xn--b",
    "1.2.3",
    "256.1.1.1",
  ),
  fc.constantFrom(
    "a..b",
    "-a",
    "a-.com",
    "A.com",
    "a_b.com",
    "0x7f.1",
    "example.0",
    "user@host",
    "[::1]:80",
    "h:99999",
    "h:",
  ),
  fc.string({ unit: signs, maxLength: 12 }),
);
const paths = fc.string({ unit: signs, maxLength: 24 }).map((path) => `/${path}`);

describe("path and query of a request", () => {
  it("are those that the URL parser finds, whether or not it is asked", () => {
    fc.assert(
      fc.property(fc.constantFrom("http", "https"), hosts, paths, (scheme, host, path) => {
        const href = `${scheme}://${host}${path}`;
        expect(pathAndQueryOf(href)).toEqual(parsed(href));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    [
      "http://localhost:8787/v1/history/continue?limit=20",
      { path: "/v1/history/continue", query: "?limit=20" },
    ],
    ["https://api.example.com/a/../b?x=%20", { path: "/b", query: "?x=%20" }],
    ["http://a b/", null],
    ["http://127.0.0.1:99999/", null],
  ])("%s", (href, expected) => {
    expect(pathAndQueryOf(href)).toEqual(expected);
  });
});
