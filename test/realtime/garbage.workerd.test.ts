import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import { Pushes, Room } from "../../src/realtime/worker.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { testGarbageCalls } from "../support/workers/garbage-calls.ts";

const { GATEWAY_SIGNING_KEY } = env as unknown as { readonly GATEWAY_SIGNING_KEY: string };
const mint = internalTokenMinter(JSON.parse(GATEWAY_SIGNING_KEY), Date.now);
const ADA = { userId: "ada", sessionId: "s-1", roles: ["user"] } as const;

async function statusOf(headers: Record<string, string>): Promise<number> {
  const upgrade = { upgrade: "websocket", ...headers };
  const response = await exports.default.fetch("http://realtime/v1/realtime", { headers: upgrade });
  response.webSocket?.accept();
  response.webSocket?.close();
  return response.status;
}

describe("a socket that is asked for", () => {
  it("is refused to all but the gateway", async () => {
    expect(await statusOf({})).toBe(401);
    expect(await statusOf({ "x-internal-token": "x".repeat(10_000) })).toBe(401);
    expect(await statusOf({ "x-internal-token": await mint(ADA, "playhead-app-bff") })).toBe(401);
    expect(await statusOf({ authorization: "Bearer x", "x-socket": '{"door":"own"}' })).toBe(401);
  });

  it("is refused where nobody is signed in, or their roles don't allow it", async () => {
    expect(await statusOf({ "x-internal-token": await mint(null, "playhead-realtime") })).toBe(401);
    const nobody = await mint({ ...ADA, roles: [] }, "playhead-realtime");
    expect(await statusOf({ "x-internal-token": nobody })).toBe(403);
  });
});

describe("what is asked of rooms and pushes", () => {
  const remotes = exports as unknown as Readonly<Record<string, object>>;
  const { ROOM } = env as unknown as RealtimeEnv;
  const message = { op: 1_000, body: new TextEncoder().encode("hello") };
  const badMessages = [
    { op: 2, body: message.body },
    { op: 2 ** 31, body: message.body },
    { op: 1_000, body: "hello" },
    { op: 1_000, body: new Uint8Array(4_097) },
  ];
  const ctx = contextOf(4_000);
  const room = () => ROOM.getByName("live://garbage");
  const world = async () => JSON.stringify(await room().online());

  testGarbageCalls({
    name: "Room",
    entrypoint: Room,
    remote: room,
    world,
    calls: {
      members: { comet: "shard-1", count: 0, "since?": { epoch: "0", offset: 0 }, "version?": 1 },
      push: { message },
      online: {},
    },
    bad: {
      "members comet": ["shard", "Shard-1", "shard-01", "shard-1/../2"],
      "members count": [-1, 0.5, 20_001],
      "members since": [
        { epoch: "no epoch", offset: 0 },
        { epoch: "0", offset: 2 ** 31 },
      ],
      "push message": badMessages,
    },
  });

  testGarbageCalls({
    name: "Pushes",
    entrypoint: Pushes,
    remote: () => remotes["Pushes"] ?? {},
    world,
    calls: {
      users: { ctx, userIds: ["ada"], message, "cell?": "main" },
      keys: { ctx, keys: ["k"], message, "userId?": "ada" },
      room: { ctx, room: "live://1", message },
      all: { ctx, message },
      online: { ctx, "room?": "live://1" },
      ready: { ctx },
    },
    bad: {
      "users userIds": [[], [""], ["x".repeat(65)], Array.from({ length: 1_001 }, String)],
      "users message": badMessages,
      "users cell": ["", "shard", "Main"],
      "keys keys": [[], ["x".repeat(129)], Array.from({ length: 1_001 }, String)],
      "keys message": badMessages,
      "keys userId": [""],
      "room room": ["", "live", "live://", `live://${"x".repeat(128)}`],
      "room message": badMessages,
      "all message": badMessages,
      "online room": ["", "live"],
    },
  });
});
