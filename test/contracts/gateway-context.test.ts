import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLIENT_KINDS } from "../../src/contracts/client-kind.ts";
import {
  readGatewayContext,
  writeGatewayContext,
  type GatewayContext,
} from "../../src/contracts/gateway-context.ts";
import { CONTINENTS } from "../../src/contracts/continent.ts";
import { CONTEXT_HEADER } from "../../src/contracts/internal-request.ts";

const NOTHING_SAID: GatewayContext = {
  requestId: "unknown",
  remainingMs: 1_000,
  isHurried: false,
  attempt: 1,
  clientKind: null,
  quota: null,
  clientAddress: null,
  continent: null,
  logWeight: null,
};
const read = (text: string): GatewayContext => readGatewayContext(new Headers({ [CONTEXT_HEADER]: text }));

const visible = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
});
const contexts: fc.Arbitrary<GatewayContext> = fc.record({
  requestId: fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/),
  remainingMs: fc.double({ min: 0, max: 60_000, noNaN: true }).map((ms) => ms + 0),
  isHurried: fc.boolean(),
  attempt: fc.integer({ min: 1, max: 3 }),
  clientKind: fc.constantFrom(null, ...CLIENT_KINDS),
  quota: fc.option(fc.record({ policy: visible, limit: visible })),
  clientAddress: fc.option(visible),
  continent: fc.constantFrom(null, ...CONTINENTS),
  logWeight: fc.option(fc.integer({ min: 1, max: 10_000 })),
});

describe("the gateway's context", () => {
  it("arrives as it was sent", () => {
    fc.assert(
      fc.property(contexts, (context) => {
        expect(read(writeGatewayContext(context))).toEqual(context);
      }),
    );
  });

  it("is as if nothing were said where it is none, and throws nothing", () => {
    for (const text of ["", "{", "null", "[]", "7", '"x"', "{}"]) expect(read(text)).toEqual(NOTHING_SAID);
    fc.assert(
      fc.property(visible, fc.json(), (text, json) => {
        for (const given of [text, encodeURI(json)]) expect(() => read(given)).not.toThrow();
      }),
    );
  });

  it("loses the one member that is odd, and no other", () => {
    const odd = {
      requestId: 7,
      remainingMs: -1,
      isHurried: "yes",
      attempt: 0,
      clientKind: "watch",
      quota: { policy: 1 },
      continent: "na",
      logWeight: 0,
    };
    for (const [name, value] of Object.entries(odd)) {
      const sent = { ...NOTHING_SAID, requestId: "request-1", remainingMs: 70, [name]: value, later: true };
      expect(read(JSON.stringify(sent))).toEqual({
        ...NOTHING_SAID,
        requestId: "request-1",
        remainingMs: 70,
        [name]: NOTHING_SAID[name as keyof GatewayContext],
      });
    }
  });

  it("passes on no weight that a service would refuse the call for", () => {
    for (const logWeight of [1.5, 1_000_001, "1"])
      expect(read(JSON.stringify({ ...NOTHING_SAID, logWeight })).logWeight).toBeNull();
  });

  it("is read from a gateway of the release before, which says each thing in a header of its own", () => {
    const headers = new Headers({
      "x-request-id": "request-1",
      "x-deadline-ms": "395",
      "x-hurried": "1",
      "x-attempt": "2",
      "x-client-kind": "tv",
      "x-client-address": "10.0.0.1",
      ratelimit: "r",
      "ratelimit-policy": "p",
    });
    expect(readGatewayContext(headers)).toEqual({
      requestId: "request-1",
      remainingMs: 395,
      isHurried: true,
      attempt: 2,
      clientKind: "tv",
      quota: { policy: "p", limit: "r" },
      clientAddress: "10.0.0.1",
      continent: null,
      logWeight: null,
    });
    expect(readGatewayContext(new Headers())).toEqual(NOTHING_SAID);
  });
});
