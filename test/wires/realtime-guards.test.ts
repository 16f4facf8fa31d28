import { beforeEach, describe, expect, it, vi } from "vitest";
import { audienceOf } from "../../src/contracts/internal-request.ts";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { jsonPacket } from "../../src/realtime/biz/packets.ts";
import { wire } from "../../src/realtime/wire.ts";
import { testKey } from "../support/workers/ed25519.ts";
import { guardBindings, hungObjects, hungService, never } from "../support/workers/hung-bindings.ts";
import { forgetGuards, guardsMade, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const gatewayKey = await testKey("gateway-1");

interface World {
  /** What history answers; hangs if absent. */
  readonly history?: object;
}

/** The realtime worker as it is deployed, whose upstreams hang. */
function realtime({ history = hungService() }: World = {}) {
  const { kty, crv, x, kid } = gatewayKey.publicJwk;
  const env = {
    ...guardBindings(),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    REALTIME_GUESTS: "on",
    REALTIME_SUB_COMETS: "16",
    CELLS: "main",
    HISTORY: history,
    IDENTITY: hungService(),
    COMET: hungObjects(),
    ROOM: hungObjects(),
  } as unknown as RealtimeEnv;
  const { fetch, connect, pushes } = wire(env);
  const mint = internalTokenMinter(gatewayKey.privateJwk, Date.now);
  const open = async (ms = 1_000, index = 0): Promise<Response> => {
    const user = { userId: `user-${index}`, sessionId: "s-1", roles: ["user"] } as const;
    const token = await mint(user, audienceOf("realtime"));
    const context = JSON.stringify({ requestId: "r-1", remainingMs: ms, isHurried: ms < 1_000 });
    const headers = { upgrade: "websocket", "x-internal-token": token, "x-context": context };
    return fetch(new Request("http://realtime/v1/realtime", { headers }), env);
  };
  /** As a client of goim's does, which brings its token in the first packet. */
  const openByTcp = (): Promise<void> => {
    const first = jsonPacket(GOIM_OPS.auth, 1, { token: "a.b.c" });
    const readable = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(first) });
    return connect({ readable, writable: new WritableStream(), closed: never } as unknown as Socket);
  };
  return { open, openByTcp, pushes };
}

const MAPPING = { mapping: async () => ({ version: 1, shards: 4_096 }) };

/** For each upstream a call that needs it. */
const ROWS: Readonly<
  Record<
    string,
    {
      readonly world: World;
      readonly call: (of: ReturnType<typeof realtime>, ms?: number, index?: number) => Promise<unknown>;
      readonly atOnce?: number;
    }
  >
> = {
  // One asks for all who wait.
  history: { world: {}, call: ({ open }, ms) => open(ms), atOnce: 1 },
  comet: { world: { history: MAPPING }, call: ({ open }, ms, index) => open(ms, index) },
  identity: {
    world: { history: MAPPING },
    call: ({ openByTcp }) => openByTcp(),
    atOnce: 1,
  },
  room: {
    world: {},
    call: ({ pushes }, _ms, index = 0) =>
      pushes.room(`live://${index}`, { op: 1_000, body: new Uint8Array(1) }),
  },
};
const EACH = Object.entries(ROWS);

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

describe("in the realtime worker", () => {
  it("every guard has its row here", () => {
    realtime();
    expect(guardsMade()).toEqual(Object.keys(ROWS).sort());
  });

  it.each(EACH)("%s that hangs is left alone", async (upstream, { world, call, atOnce }) => {
    const of = realtime(world);
    const driving = atOnce === undefined ? {} : { atOnce, rounds: 40 };
    expect(await opens(upstream, (index) => call(of, undefined, index), driving)).toBe(true);
  });

  it("a comet is not taken for ill by clients in a hurry", async () => {
    const of = realtime({ history: MAPPING });
    expect(await opens("comet", (index) => of.open(50, index))).toBe(false);
  });
});
