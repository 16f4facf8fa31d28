import { env } from "cloudflare:workers";
import { describe } from "vitest";
import { confirmationOfState, newUserState } from "../../src/history/biz/user-state.ts";
import { testEviction } from "../support/workers/evicted.ts";

const HEARTBEAT = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" };
const KEY = { userId: "ada", kind: "video", itemId: "m1" };

describe("a shard", () => {
  testEviction(env.SHARD, (index) => `shard-${index}`, {
    report: ["ada", [HEARTBEAT]],
    reportMany: [
      [{ userId: "ada", reports: [HEARTBEAT], source: { socket: "phone", others: true, version: 1 } }],
    ],
    join: ["shard-0", { userId: "ada", sockets: 2, version: 1 }, { since: "0", limit: 5 }],
    leave: ["shard-0", [{ userId: "ada", sockets: 0, version: 2 }]],
    list: ["ada", { limit: 5 }],
    continueWatching: ["ada", 5],
    lookup: ["ada", [KEY]],
    mark: ["ada", KEY, { watched: true }],
    remove: ["ada", KEY],
    clear: ["ada"],
    settings: ["ada"],
    setSettings: ["ada", { paused: true }],
    changes: ["ada", { limit: 5 }],
    exportAll: ["ada"],
    erase: ["eve"],
    collect: [[KEY]],
    confirm: [[{ ...KEY, rev: 1 }]],
    refill: ["ada"],
    collectStates: [["ada"]],
    confirmStates: [[confirmationOfState(newUserState("ada"))]],
    settle: ["ada"],
    forgetView: ["ada"],
    flush: [],
    wake: [],
    raiseFormat: [2],
    status: [],
    isFromBefore: [],
    mapping: [],
  });
});

// With no map of buckets that users are stored by: the shards have asked with that one already.
describe("the mapping's object", () => {
  testEviction(env.MAPPING, () => "main", { current: [0] });
});

describe("a puller", () => {
  testEviction(env.PULLER, (index) => `main-${index}`, { wake: [], status: [] });
});
