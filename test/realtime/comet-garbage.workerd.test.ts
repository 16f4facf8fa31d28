import { env } from "cloudflare:workers";
import { describe } from "vitest";
import { Comet } from "../../src/realtime/worker.ts";
import { testGarbageCalls } from "../support/workers/garbage-calls.ts";

const { COMET } = env as unknown as RealtimeEnv;
const comet = () => COMET.getByName("shard-99");

const message = { op: 1_000, body: new Uint8Array(1) };
const change = { entry: { kind: "video", itemId: "m1", watchedAt: 1 } };
const news = { userId: "ada", changes: [change], cursor: "1" };

describe("what is asked of a comet", () => {
  testGarbageCalls({
    name: "Comet",
    entrypoint: Comet,
    remote: comet,
    world: async () => JSON.stringify(await comet().online()),
    calls: {
      changed: { news: [news, { userId: "ada", behind: "1" }, { userId: "ada", erased: true }] },
      pushUsers: { userIds: ["ada"], message },
      pushKeys: { userId: "ada", keys: ["k"], message },
      pushAll: { message },
      pushRoom: { room: "live://1", epoch: "e", messages: [{ ...message, offset: 1 }] },
      online: {},
    },
    bad: {
      "changed news": [
        [{ userId: "ada" }],
        [{ ...news, userId: "" }],
        [{ ...news, cursor: 1 }],
        [{ ...news, changes: [{ entry: { kind: "video" } }] }],
        [{ ...news, changes: [{ settings: { paused: "yes" } }] }],
        [{ userId: "ada", erased: false }],
      ],
      "pushUsers userIds": [[5], [""], Array.from({ length: 1_001 }, () => "u")],
      "pushUsers message": [
        { op: 1, body: message.body },
        { op: 1_000, body: new Uint8Array(4_097) },
      ],
      "pushKeys keys": [["k".repeat(129)]],
      "pushRoom room": ["nowhere"],
      "pushRoom epoch": ["E!"],
      "pushRoom messages": [[{ ...message, offset: -1 }], [message]],
    },
  });
});
