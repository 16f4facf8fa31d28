import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clientAddressOf, clientKeyOf } from "../../src/gateway/client-key.ts";

const from = (address: string): string => clientAddressOf(new Headers({ "cf-connecting-ip": address }));
const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const groups = (count: number) => fc.array(group, { minLength: count, maxLength: count });

describe("a client's key", () => {
  it("is the user where somebody is signed in, else the address", () => {
    const headers = new Headers({ "cf-connecting-ip": "203.0.113.7" });
    expect(clientKeyOf({ userId: "u1", sessionId: "s1", roles: ["user"] }, headers)).toBe("user:u1");
    expect(clientKeyOf(null, headers)).toBe("address:203.0.113.7");
    expect(clientKeyOf(null, new Headers())).toBe("address:local");
  });

  it("is the session where each has a quota of its own", () => {
    expect(clientKeyOf({ userId: "u1", sessionId: "s1", roles: ["user"] }, new Headers(), true)).toBe(
      "session:s1",
    );
    expect(clientKeyOf(null, new Headers(), true)).toBe("address:local");
  });

  it("is the same for all addresses of one /64, however they are written", () => {
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (network, one, other) => {
        expect(from([...network, ...one].join(":"))).toBe(
          from([...network, ...other].join(":").toUpperCase()),
        );
        expect(from([...network, ...one].join(":"))).toBe(
          from([...network.map((part) => part.padStart(4, "0")), ...one].join(":")),
        );
      }),
    );
  });

  it("is another for another /64", () => {
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (one, other, host) => {
        fc.pre(one.join(":") !== other.join(":"));
        expect(from([...one, ...host].join(":"))).not.toBe(from([...other, ...host].join(":")));
      }),
    );
  });

  it("knows shortened zeros and IPv4 within IPv6", () => {
    expect(from("2001:db8::1")).toBe(from("2001:db8:0:0:ffff::9"));
    expect(from("::1")).toBe("0:0:0:0::/64");
    expect(from("::ffff:203.0.113.7")).toBe("203.0.113.7");
  });

  it("is bounded: what is too long for an address is nobody's", () => {
    expect(from("1".repeat(65))).toBe("local");
  });
});
