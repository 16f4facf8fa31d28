import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CodedError } from "../../src/contracts/errors.ts";
import { BreakerState, FaultBoard, RateWindow } from "../../src/durable/worker.ts";
import { confirmationOfState, newUserState } from "../../src/history/biz/user-state.ts";
import { HistoryMapping, HistoryPuller, HistoryShard } from "../../src/history/worker.ts";
import { OutboxPublisher } from "../../src/ledger/worker.ts";
import { Room } from "../../src/realtime/worker.ts";
import { KafkaStandIn } from "../support/kafka/kafka-stand-in.ts";
import { testKey } from "../support/workers/ed25519.ts";
import {
  guardBindings,
  historyBindings,
  hungD1,
  hungObjects,
  hungService,
  namespaceOf,
  never,
} from "../support/workers/hung-bindings.ts";
import { objectState } from "../support/workers/object-state.ts";
import { backgroundWork } from "../support/workers/background-work.ts";
import { settle } from "../support/workers/wired-guards.ts";

/*
 * What an object leaves pending keeps it in memory, and billed: a timer, a call, work in the
 * background. Here everything that it calls hangs. `docs/design/resilience.md` says what of that
 * the platform has to end.
 */

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () => ({
  ...(await import("../support/workers/wired-guards.ts")).runtimeModule(),
  waitUntil: (await import("../support/workers/background-work.ts")).addWork,
}));

/** Nothing of an object is pending for longer. */
const ENDS_WITHIN_MS = 10_000;
const STEP_MS = 50;
const FLUSH_WINDOW_MS = 1_000;

const HISTORY = {
  ...historyBindings(),
  FLUSH_WINDOW_MS: String(FLUSH_WINDOW_MS),
  HISTORY_SHARDS: "4096",
  HISTORY_DB_0: hungD1(),
  HISTORY_DB_1: hungD1(),
  FLUSH_QUEUE: hungService(),
  SHARD: hungObjects(),
  MAPPING: hungObjects(),
  COMET: hungObjects(),
  PULLER: hungObjects(),
};
const OVER_KAFKA = {
  HISTORY_BUS: "kafka",
  UPSTASH_KAFKA_REST_URL: "https://kafka.example",
  UPSTASH_KAFKA_REST_USERNAME: "user",
  UPSTASH_KAFKA_REST_PASSWORD: "password",
};
const LEDGER = {
  ...guardBindings(),
  LEDGER: "wallet",
  DELIVERY_SCHEDULE_MS: "2000",
  DELIVERIES_PER_SECOND: "50",
  CHANGE_SINK: "queue",
  DEPOSIT_MAX: "100",
  DEPOSITS_PER_DAY_MAX: "100",
  LEDGER_DB: hungD1(),
  PEER: hungService(),
  PEER_QUEUE: hungService(),
  CHANGES_QUEUE: hungService(),
  PUBLISHER: hungObjects(),
};
const { kty, crv, x, kid } = (await testKey("gateway-1")).publicJwk;
const REALTIME = {
  ...guardBindings(),
  INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
  REALTIME_GUESTS: "on",
  REALTIME_SUB_COMETS: "16",
  CELLS: "main",
  HISTORY: hungService(),
  IDENTITY: hungService(),
  COMET: hungObjects(),
  ROOM: hungObjects(),
};

const ADA = "ada";
const HEARTBEAT = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" } as const;
const KEY = { userId: ADA, kind: "video", itemId: "m1" };
const TAKE = { policy: "login", limit: 5, windowMs: 60_000, ask: { kind: "take", cost: 1 } };
const REPORT = { reporter: "r", ok: 1, failed: 9, probe: null, version: 0 };
const SEEN = { worker: "w", engine: "sre", ok: 1, failed: 1, reporter: "r" };
const FAULT = { latencyMs: 0, errorRate: 1, untilMs: null };
/** The mapping, for whatever map of buckets. */
const MAPPING = namespaceOf({
  current: async (buckets: number) => ({ version: 1, shards: 16, buckets }),
});
const MAPPING_LATER = namespaceOf({
  current: async () => {
    throw new CodedError("UNAVAILABLE", "come back in five minutes", { retryAfterMs: 300_000 });
  },
});

const MESSAGE = { op: 1_000, body: new Uint8Array([1]) };
const ROOM_CALLS = {
  members: ["shard-2", 1, { epoch: "0", offset: 0 }, 1],
  push: [MESSAGE],
  online: [],
  alarm: [],
};

type Made = Readonly<Record<string, ((...args: readonly unknown[]) => Promise<unknown>) | undefined>>;
type ObjectClass = new (state: never, env: never) => object;

interface Case {
  readonly made: ObjectClass;
  readonly name: string;
  readonly env: object;
  /** Every method that can be called from outside, and the alarm. */
  readonly calls: Readonly<Record<string, readonly unknown[]>>;
  /** What Kafka answers; hangs if absent. */
  readonly kafka?: KafkaStandIn;
  /** What was called before. */
  readonly before?: readonly [method: string, ...args: unknown[]];
}

const SHARD_CALLS = {
  report: [ADA, [HEARTBEAT]],
  reportMany: [[{ userId: ADA, reports: [HEARTBEAT], source: { socket: "s", others: true, version: 1 } }]],
  join: ["shard-1", { userId: ADA, sockets: 1, version: 1 }, { since: "0", limit: 5 }],
  leave: ["shard-1", [{ userId: ADA, sockets: 0, version: 2 }]],
  list: [ADA, { limit: 5 }],
  continueWatching: [ADA, 5],
  lookup: [ADA, [KEY]],
  mark: [ADA, KEY, { watched: true }],
  remove: [ADA, KEY],
  clear: [ADA],
  settings: [ADA],
  setSettings: [ADA, { paused: true }],
  changes: [ADA, { limit: 5 }],
  exportAll: [ADA],
  erase: ["eve"],
  collect: [[KEY]],
  confirm: [[{ ...KEY, rev: 1 }]],
  refill: [ADA],
  collectStates: [[ADA]],
  confirmStates: [[confirmationOfState(newUserState(ADA))]],
  settle: [ADA],
  forgetView: [ADA],
  flush: [],
  wake: [],
  raiseFormat: [2],
  status: [],
  isFromBefore: [],
  mapping: [],
  alarm: [],
};

function kafkaWithAMessage(): KafkaStandIn {
  const topic = "playhead-history-flush";
  const kafka = new KafkaStandIn({ topics: { [topic]: 1 } });
  const message = { type: "flush", shard: 1, users: [[ADA, ["video/m1"]]], states: [ADA] };
  kafka.append({ topic, value: JSON.stringify(message) });
  return kafka;
}

const PULLER_CALLS = { wake: [], status: [], alarm: [] };

const CASES: Readonly<Record<string, Case>> = {
  "HistoryShard, which knows no mapping": {
    made: HistoryShard,
    name: "shard-1",
    env: HISTORY,
    calls: SHARD_CALLS,
  },
  "HistoryShard, which has something pending": {
    made: HistoryShard,
    name: "shard-1",
    env: { ...HISTORY, MAPPING },
    calls: SHARD_CALLS,
    before: ["report", "bob", [HEARTBEAT]],
  },
  "HistoryShard, which has something pending for a Kafka that hangs": {
    made: HistoryShard,
    name: "shard-1",
    env: { ...HISTORY, ...OVER_KAFKA, MAPPING },
    calls: SHARD_CALLS,
    before: ["report", "bob", [HEARTBEAT]],
  },
  "HistoryShard, to whom somebody listens": {
    made: HistoryShard,
    name: "shard-1",
    env: { ...HISTORY, MAPPING },
    calls: SHARD_CALLS,
    before: ["join", "shard-1", { userId: ADA, sockets: 2, version: 1 }, null],
  },
  "HistoryShard, which is told to come back much later": {
    made: HistoryShard,
    name: "shard-1",
    env: { ...HISTORY, MAPPING: MAPPING_LATER },
    calls: SHARD_CALLS,
  },
  "HistoryPuller, over a Kafka that hangs": {
    made: HistoryPuller,
    name: "main-0",
    env: { ...HISTORY, ...OVER_KAFKA },
    calls: PULLER_CALLS,
  },
  "HistoryPuller, whose shard has nothing pending any more of what its message names": {
    made: HistoryPuller,
    name: "main-0",
    env: {
      ...HISTORY,
      ...OVER_KAFKA,
      MAPPING,
      SHARD: namespaceOf({ collect: async () => [], collectStates: async () => [] }),
    },
    kafka: kafkaWithAMessage(),
    calls: PULLER_CALLS,
  },
  "HistoryPuller, where a queue is the bus": {
    made: HistoryPuller,
    name: "main-0",
    env: HISTORY,
    calls: PULLER_CALLS,
  },
  HistoryMapping: { made: HistoryMapping, name: "main", env: HISTORY, calls: { current: [1] } },
  OutboxPublisher: {
    made: OutboxPublisher,
    name: "publisher",
    env: LEDGER,
    calls: { wake: [1], alarm: [] },
  },
  "Room, where nobody is": { made: Room, name: "live://1", env: REALTIME, calls: ROOM_CALLS },
  "Room, whose members are in a comet that hangs": {
    made: Room,
    name: "live://1",
    env: REALTIME,
    calls: ROOM_CALLS,
    before: ["members", "shard-1", 3],
  },
  RateWindow: {
    made: RateWindow,
    name: "user:ada",
    env: {},
    calls: { ask: [[TAKE]], view: [], alarm: [] },
  },
  BreakerState: {
    made: BreakerState,
    name: "history",
    env: {},
    calls: { report: [REPORT], observe: [SEEN], view: [] },
  },
  FaultBoard: {
    made: FaultBoard,
    name: "faults",
    env: {},
    calls: { faultOf: ["b", "history"], set: ["b", "history", FAULT], all: ["b"] },
  },
};

/** Turns the clock until it holds. Answers how long that took, in ms. */
async function turnUntil(holds: () => boolean): Promise<number> {
  let ms = 0;
  for (await settle(); !holds() && ms <= 10 * ENDS_WITHIN_MS; ms += STEP_MS) {
    vi.advanceTimersByTime(STEP_MS);
    await settle();
  }
  return ms;
}

/** Makes a call. Answers how long it takes, in ms. */
async function timeOf(object: Made, method: string, args: readonly unknown[]): Promise<number> {
  let hasEnded = false;
  const call = object[method];
  if (call === undefined) throw new Error(`there is no ${method}`);
  void call
    .apply(object, [...args])
    .catch(() => undefined)
    .finally(() => void (hasEnded = true));
  return turnUntil(() => hasEnded);
}

/** How long a call takes, and what it leaves behind for how long, in ms. */
async function pendingOf(
  { made: Made, name, env, kafka, before }: Case,
  method: string,
  args: readonly unknown[],
) {
  if (kafka !== undefined) vi.stubGlobal("fetch", kafka.fetch);
  // Guards are made once for an env: none has opened yet.
  const object = new Made(objectState(name) as never, { ...env } as never) as Made;
  await settle();
  if (before !== undefined) {
    await timeOf(object, before[0], before.slice(1));
    vi.advanceTimersByTime(2 * FLUSH_WINDOW_MS);
  }
  await turnUntil(() => vi.getTimerCount() === 0 && backgroundWork.pending === 0);
  const tookMs = await timeOf(object, method, args);
  const leftForMs = await turnUntil(() => vi.getTimerCount() === 0 && backgroundWork.pending === 0);
  return { tookMs, leftForMs };
}

beforeEach(() => {
  vi.stubGlobal("fetch", () => never);
  vi.clearAllTimers();
  backgroundWork.pending = 0;
});
afterEach(() => void vi.clearAllTimers());

describe.each(Object.entries(CASES))("%s", (_name, one) => {
  it.each(Object.entries(one.calls))(
    "leaves nothing pending for longer than 10 s after %s",
    async (method, args) => {
      const { tookMs, leftForMs } = await pendingOf(one, method, args);
      expect(tookMs + leftForMs).toBeLessThanOrEqual(ENDS_WITHIN_MS);
    },
  );

  it("is called by no method that isn't looked at here", () => {
    const methods = new Set<string>();
    for (
      let proto = one.made.prototype as object;
      proto !== null;
      proto = Object.getPrototypeOf(proto) as object
    ) {
      if (proto.constructor.name === "Entry" || proto === Object.prototype) break;
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(proto)))
        if (name !== "constructor" && typeof value === "function") methods.add(name);
    }
    expect([...methods].sort()).toEqual(Object.keys(one.calls).sort());
  });
});
