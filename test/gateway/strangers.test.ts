import { describe, expect, it } from "vitest";
import { networkKeyOf } from "../../src/gateway/client-key.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const address = (host: number): string => `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
/** One of the 65,536 prefixes of a network. */
const neighbour = (index: number): string => `2001:db8:7:${index.toString(16)}::1`;
const from = (client: string, more: Readonly<Record<string, string>> = {}): RequestInit => ({
  headers: { "cf-connecting-ip": client, ...more },
});
const post = (client: string): RequestInit => ({
  method: "POST",
  body: "{}",
  headers: { "cf-connecting-ip": client, "content-type": "application/json" },
});

describe("unknown addresses", () => {
  it("cost no object each, whatever they ask for, as long as each comes seldom; nor does forgetting them", async () => {
    const { call, windows, background } = await testGateway();
    // More than the isolate remembers.
    for (let host = 0; host < 20_500; host += 1) await call("/v1/history", from(address(host)));
    await Promise.all(background);
    expect(windows.calls).toBe(0);
    for (let request = 1; request <= 60; request += 1)
      expect((await call("/v1/history", from(address(20_499)))).status).toBe(request < 60 ? 401 : 429);
    expect(windows.calls).toBeGreaterThan(0);
  });
});

describe("a network of IPv6 addresses", () => {
  it("is its first 48 bits, and IPv4 has none", () => {
    const network = (client: string) => networkKeyOf(new Headers({ "cf-connecting-ip": client }));
    expect(network("2001:DB8:7:1::5")).toBe("address:2001:db8:7::/48");
    expect(network("2001:db8:7::")).toBe("address:2001:db8:7::/48");
    expect(network("2001:db8:8::")).not.toBe(network("2001:db8:7::"));
    expect([network("198.18.0.1"), network("::ffff:198.18.0.1"), networkKeyOf(new Headers())]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("has sixteen clients' share together, however many of its prefixes are used, and is told so by name", async () => {
    const { call } = await testGateway();
    for (let request = 0; request < 960; request += 1)
      expect((await call("/v1/history", from(neighbour(request)))).status).toBe(401);
    const refused = await call("/v1/history", from(neighbour(960)));
    expect([refused.status, refused.headers.get("ratelimit-policy")]).toEqual([
      429,
      '"anonymous-network";q=960;w=60',
    ]);
    expect(refused.headers.get("ratelimit")).toMatch(/^"anonymous-network";r=0;t=\d+$/);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await call("/v1/history", from("2001:db8:8::1"))).status).toBe(401);
  });

  it("logs in and registers within a share of its own too", async () => {
    const { call } = await testGateway();
    for (let request = 0; request < 160; request += 1)
      expect((await call("/v1/account/login", post(neighbour(request)))).status).toBe(200);
    expect((await call("/v1/account/login", post(neighbour(160)))).status).toBe(429);
    expect((await call("/v1/account/register", post(neighbour(160)))).status).toBe(200);
  });

  it("loses nothing to one client who has used up their own; everybody is told their own quota", async () => {
    const { call } = await testGateway();
    for (let request = 0; request < 2_000; request += 1) await call("/v1/history", from(neighbour(1)));
    const other = await call("/v1/history", from(neighbour(2)));
    expect([other.status, other.headers.get("ratelimit-policy")]).toEqual([401, '"anonymous";q=60;w=60']);
    expect(other.headers.get("ratelimit")).toMatch(/^"anonymous";r=59;t=\d+$/);
  });
});
