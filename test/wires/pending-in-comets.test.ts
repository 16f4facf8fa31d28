import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { ASSEMBLY_MS_MAX } from "../../src/realtime/biz/packet-stream.ts";
import { jsonPacket } from "../../src/realtime/biz/packets.ts";
import { encodeState } from "../../src/realtime/biz/socket-state-codec.ts";
import type { SocketState } from "../../src/realtime/biz/socket-state.ts";
import { Comet } from "../../src/realtime/worker.ts";
import { backgroundWork } from "../support/workers/background-work.ts";
import { testKey } from "../support/workers/ed25519.ts";
import { guardBindings, hungObjects, hungService } from "../support/workers/hung-bindings.ts";
import { objectState } from "../support/workers/object-state.ts";
import { settle } from "../support/workers/wired-guards.ts";

/*
 * What a comet leaves pending keeps it in memory, and billed. Here everything that it calls hangs,
 * whatever its sockets and its callers do.
 */

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () => ({
  ...(await import("../support/workers/wired-guards.ts")).runtimeModule(),
  waitUntil: (await import("../support/workers/background-work.ts")).addWork,
}));

/** Nothing is pending for longer. */
const ENDS_WITHIN_MS = 10_000;
const STEP_MS = 50;

const { kty, crv, x, kid } = (await testKey("gateway-1")).publicJwk;
const ENV = {
  ...guardBindings(),
  REALTIME_GUESTS: "on",
  REALTIME_SUB_COMETS: "16",
  CELLS: "main",
  INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
  HISTORY: hungService(),
  IDENTITY: hungService(),
  COMET: hungObjects(),
  ROOM: hungObjects(),
};

const NEWCOMER: SocketState = {
  id: "s",
  door: "own",
  isTcp: false,
  user: { userId: "ada", sessionId: "s-1", roles: ["user"] },
  openedAtMs: Date.now(),
  isSignedIn: false,
  key: "s",
  room: null,
  accepts: [],
  device: null,
  beatAtMs: Date.now(),
  toldReportMs: 0,
  toldRev: 0,
};
const MEMBER: SocketState = { ...NEWCOMER, isSignedIn: true, room: "live://1" };

/** A socket as the platform hands it over, with such a state. */
function socketWith(state: SocketState): object {
  const socket = {
    readyState: WebSocket.OPEN,
    deserializeAttachment: () => encodeState(state),
    serializeAttachment: () => undefined,
    send: () => undefined,
    close: () => void (socket.readyState = WebSocket.CLOSED),
  };
  return socket;
}

type Method = keyof InstanceType<typeof Comet>;
interface Case {
  readonly state: SocketState;
  readonly method: Method;
  /** Beside the socket, where the platform hands that over. */
  readonly args: readonly unknown[];
  /** What it may wait for before that, in ms. */
  readonly waitsMs?: number;
}

const PUSH = { op: 1_000, body: new Uint8Array(1) };
const REPORTS = { reports: [{ kind: "video", itemId: "m1", positionMs: 1 }] };
const send = (state: SocketState, op: number, value: unknown): Case => {
  const { buffer } = jsonPacket(op, 1, value);
  return { state, method: "webSocketMessage", args: [buffer] };
};
const call = (method: Method, ...args: readonly unknown[]): Case => ({ state: MEMBER, method, args });

const CASES: Readonly<Record<string, Case>> = {
  "a socket signs in": send(NEWCOMER, GOIM_OPS.auth, { since: "1", room_id: "live://1" }),
  "a guest signs in to a room": send({ ...NEWCOMER, user: null, door: "goim" }, GOIM_OPS.auth, {
    room_id: "live://1",
  }),
  "it reports": send(MEMBER, 2_001, REPORTS),
  "it leaves its room": { state: MEMBER, method: "webSocketMessage", args: [jsonPacket(12, 1, "").buffer] },
  "it beats": send(MEMBER, GOIM_OPS.heartbeat, null),
  "it sends a part of a packet": {
    state: MEMBER,
    method: "webSocketMessage",
    args: [new ArrayBuffer(3)],
    waitsMs: ASSEMBLY_MS_MAX,
  },
  "it goes": call("webSocketClose"),
  "it is lost": call("webSocketError"),
  "its user is told of news": call("changed", [{ userId: "ada", changes: [], cursor: "1" }]),
  "its user is behind": call("changed", [{ userId: "ada", behind: "1" }]),
  "its user is erased": call("changed", [{ userId: "ada", erased: true }]),
  "its user is pushed to": call("pushUsers", ["ada"], PUSH),
  "its key is pushed to": call("pushKeys", "ada", ["s"], PUSH),
  "all are pushed to": call("pushAll", PUSH),
  "its room is pushed to": call("pushRoom", "live://1", "e", [{ ...PUSH, offset: 1 }]),
  "it is counted": call("online"),
  "another is opened that is none": call("fetch", new Request("http://comet/")),
  "the alarm goes off": call("alarm"),
};

/** Turns the clock until nothing is pending. Answers how long that took, in ms. */
async function pendingMs(): Promise<number> {
  let ms = 0;
  const isPending = () => vi.getTimerCount() > 0 || backgroundWork.pending > 0;
  for (await settle(); isPending() && ms <= 10 * ENDS_WITHIN_MS; ms += STEP_MS) {
    vi.advanceTimersByTime(STEP_MS);
    await settle();
  }
  return ms;
}

beforeEach(() => {
  vi.stubGlobal("WebSocketRequestResponsePair", Object);
  vi.clearAllTimers();
  backgroundWork.pending = 0;
});
afterEach(() => {
  vi.clearAllTimers();
  vi.unstubAllGlobals();
});

describe("a comet", () => {
  it.each(Object.entries(CASES))("leaves nothing pending for longer than 10 s when %s", async (_, one) => {
    const socket = socketWith({ ...one.state, beatAtMs: Date.now() });
    const state = {
      ...objectState("shard-1"),
      setWebSocketAutoResponse: () => undefined,
      getWebSockets: () => [socket],
      getWebSocketAutoResponseTimestamp: () => null,
    };
    // Guards are made once for an env: none has opened yet.
    const comet = new Comet(state as never, { ...ENV } as never);
    await settle();
    const args = one.method.startsWith("webSocket") ? [socket, ...one.args] : one.args;
    const method = comet[one.method] as (...all: readonly unknown[]) => Promise<unknown> | undefined;
    void method.apply(comet, [...args])?.catch?.(() => undefined);
    expect(await pendingMs()).toBeLessThanOrEqual((one.waitsMs ?? 0) + ENDS_WITHIN_MS);
  });

  it("is called by no method that isn't looked at here", () => {
    const methods = new Set<string>();
    for (
      let proto: object = Comet.prototype;
      proto.constructor.name !== "Entry";
      proto = Object.getPrototypeOf(proto) as object
    ) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(proto)))
        if (name !== "constructor" && typeof value === "function") methods.add(name);
    }
    expect([...methods].sort()).toEqual(
      [...new Set(Object.values(CASES).map(({ method }) => method))].sort(),
    );
  });
});
