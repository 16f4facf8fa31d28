import { serialize } from "node:v8";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KEY_BYTES_MAX, OPS_PER_SOCKET_MAX, ROOM_ID_BYTES_MAX } from "../../../src/contracts/realtime.ts";
import { decodeState, encodeState } from "../../../src/realtime/biz/socket-state-codec.ts";
import type { SocketState } from "../../../src/realtime/biz/socket-state.ts";

/** What the platform lets be attached, serialized its way, which is V8's. */
const ATTACHMENT_BYTES_MAX = 16_384;

const text = fc.string({ unit: "binary", maxLength: 64 });
const timeMs = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const states: fc.Arbitrary<SocketState> = fc.record({
  id: text,
  door: fc.constantFrom("own" as const, "goim" as const),
  isTcp: fc.boolean(),
  user: fc.option(
    fc.oneof(
      fc.record({ userId: text, sessionId: text, roles: fc.array(text) }),
      fc.record({ userId: text, sessionId: text, roles: fc.array(text), cell: text }),
    ),
  ),
  openedAtMs: timeMs,
  isSignedIn: fc.boolean(),
  key: text,
  room: fc.option(text),
  accepts: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: OPS_PER_SOCKET_MAX }),
  device: fc.option(fc.oneof(fc.record({ id: text }), fc.record({ id: text, name: text }))),
  beatAtMs: timeMs,
  toldReportMs: timeMs,
  toldRev: timeMs,
});

const USUAL: SocketState = {
  id: "0199c7f2-1111-7000-8000-000000000001",
  door: "own",
  isTcp: false,
  user: {
    userId: "0199c7f2-1111-7000-8000-000000000002",
    sessionId: "0199c7f2-1111-7000-8000-000000000003",
    roles: ["user"],
  },
  openedAtMs: 1_790_000_000_000,
  isSignedIn: true,
  key: "0199c7f2-1111-7000-8000-000000000004",
  room: "live://102",
  accepts: [1_000, 1_001],
  device: { id: "phone" },
  beatAtMs: 1_790_000_000_000,
  toldReportMs: 10_000,
  toldRev: 1_832_960_000_000_000,
};

describe("the state attached to a socket", () => {
  it("comes back as it was, whatever is in it", () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decodeState(encodeState(state))).toEqual(state);
      }),
    );
  });

  it("fits what the platform holds where everything in it is as long as it may be", () => {
    // A control character is the longest that a byte can get as JSON.
    const longest: SocketState = {
      id: "\u0001".repeat(64),
      door: "goim",
      isTcp: true,
      user: {
        userId: "\u0001".repeat(64),
        sessionId: "\u0001".repeat(64),
        roles: Array.from({ length: 16 }, () => "\u0001".repeat(32)),
        cell: "\u0001".repeat(32),
      },
      openedAtMs: Number.MAX_SAFE_INTEGER,
      isSignedIn: false,
      key: "\u0001".repeat(KEY_BYTES_MAX),
      room: "\u0001".repeat(ROOM_ID_BYTES_MAX),
      accepts: Array.from({ length: OPS_PER_SOCKET_MAX }, () => -(2 ** 31)),
      device: { id: "\u0001".repeat(64), name: "\u{10ffff}".repeat(64) },
      beatAtMs: Number.MAX_SAFE_INTEGER,
      toldReportMs: Number.MAX_SAFE_INTEGER,
      toldRev: Number.MAX_SAFE_INTEGER,
    };
    expect(decodeState(encodeState(longest))).toEqual(longest);
    expect(serialize(encodeState(longest)).length).toBeLessThan(ATTACHMENT_BYTES_MAX);
  });

  it("is small as most are", () => {
    expect(encodeState(USUAL).length).toBeLessThan(400);
  });

  it("is stored as the release before stored it: sockets outlive a release", () => {
    const stored =
      '[1,"0199c7f2-1111-7000-8000-000000000001","own",false,{"userId":"0199c7f2-1111-7000-8000-000000000002",' +
      '"sessionId":"0199c7f2-1111-7000-8000-000000000003","roles":["user"]},1790000000000,true,' +
      '"0199c7f2-1111-7000-8000-000000000004","live://102",[1000,1001],{"id":"phone"},1790000000000,10000,' +
      "1832960000000000]";
    expect(new TextDecoder().decode(encodeState(USUAL))).toBe(stored);
    expect(decodeState(new TextEncoder().encode(stored))).toEqual(USUAL);
  });

  it.each<[string, unknown]>([
    ["of another version", encoded([2, "id"])],
    ["of no version", encoded({ id: "x" })],
    ["that is no JSON", new TextEncoder().encode("[1,")],
    ["that is no UTF-8", Uint8Array.of(0xff, 0xfe)],
    ["that is empty", new Uint8Array(0)],
    ["that is none", null],
    ["that is a text", JSON.stringify([1, "id"])],
  ])("is null for one %s", (_, value) => {
    expect(decodeState(value)).toBeNull();
  });
});

function encoded(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
