import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import { createHistoryJob, type HistoryJobDeps } from "../../../src/history/biz/history-job.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import type { HistoryWriter, ShardPort } from "../../../src/history/biz/ports.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { SETTLED_MAX } from "../../../src/history/biz/settle-some.ts";
import { confirmationOfState, newUserState, type UserState } from "../../../src/history/biz/user-state.ts";
import { EMPTY_SHARDS, jobParts } from "../support/job-parts.ts";
import { recordOf } from "../../support/databases/history-records.ts";

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

const stateOf = (userId: string, more: Partial<UserState> = {}): UserState => ({
  ...newUserState(userId),
  paused: true,
  pausedFromMs: NOW_MS,
  settingsRev: 7,
  ...more,
});

const away = async (): Promise<never> => {
  throw new CodedError("UNAVAILABLE", "it is away");
};

/** A step, of which database or shard, and with whom. */
type Done = readonly [step: string, where: number, what: unknown];

interface ShardHolds {
  readonly records?: readonly HistoryRecord[];
  readonly states?: readonly UserState[];
}

/** A job over shards that hold this, and databases that only note what they are told, in order. */
function jobOver(holds: readonly ShardHolds[], { shards = {}, writer = {}, ...more }: JobOverOptions = {}) {
  const did: Done[] = [];
  const failures: string[] = [];
  const counted: unknown[] = [];
  const noting = (database: number): HistoryWriter => ({
    upsert: async (records) => void did.push(["upsert", database, records.map(({ userId }) => userId)]),
    reject: async ({ userId }) => void did.push(["reject", database, userId]),
    writeStates: async (states) => void did.push(["states", database, states.map(({ userId }) => userId)]),
    overfull: async (userIds) => {
      did.push(["overfull", database, userIds]);
      return [];
    },
    ...writer,
  });
  const run = createHistoryJob(
    jobParts({
      shards: {
        ...EMPTY_SHARDS,
        collect: async (shard) => holds[shard]?.records ?? [],
        confirm: async (shard, confirmed) =>
          void did.push(["confirm", shard, confirmed.map(({ userId }) => userId)]),
        collectStates: async (shard, userIds) =>
          (holds[shard]?.states ?? []).filter(({ userId }) => userIds.includes(userId)),
        confirmStates: async (shard, confirmed) => void did.push(["confirm states", shard, confirmed]),
        settle: async (shard, userId) => void did.push(["settle", shard, userId]),
        ...shards,
      },
      writers: [noting(0), noting(1)],
      databaseOf: (userId) => (userId.startsWith("b") ? 1 : 0),
      onFailure: (what) => void failures.push(what),
      failures: { note: async ({ counts }) => void counted.push(counts) },
      ...more,
    }),
  );
  return { run, did, failures, counted };
}

interface JobOverOptions extends Partial<Omit<HistoryJobDeps, "shards" | "writers">> {
  readonly shards?: Partial<ShardPort>;
  readonly writer?: Partial<HistoryWriter>;
}

const flush = (shard: number, users: readonly string[], states?: readonly string[]): QueueMessage => ({
  type: "flush",
  shard,
  users: users.map((userId) => [userId, ["video/m1"]]),
  ...(states && { states }),
});

describe("states of users that messages name", () => {
  it("are asked for, written before the records, each in its database, and confirmed by what was written of them", async () => {
    const states = [
      stateOf("ada"),
      stateOf("bob", { cleared: { atMs: NOW_MS, rev: 90 }, forgottenRev: 80, floorRev: 70 }),
    ];
    const { run, did, failures } = jobOver([{ records: [recordOf()], states }]);
    expect(await run([flush(0, ["ada"], ["ada", "bob"]), flush(0, [], ["bob"])])).toEqual(["done", "done"]);
    expect(did.filter(([, database]) => database === 0)).toEqual([
      ["states", 0, ["ada"]],
      ["upsert", 0, ["ada"]],
      ["confirm", 0, ["ada"]],
      [
        "confirm states",
        0,
        [
          { userId: "ada", settingsRev: 7, clearedRev: 0, floorRev: 0, forgottenRev: 0 },
          { userId: "bob", settingsRev: 7, clearedRev: 90, floorRev: 70, forgottenRev: 80 },
        ],
      ],
    ]);
    expect(did).toContainEqual(["states", 1, ["bob"]]);
    expect(failures).toEqual([]);
  });

  it("cost nothing where no message names any, nor where their shard has none", async () => {
    const asked: unknown[] = [];
    const shards = {
      collectStates: async (...ask: readonly unknown[]) => (asked.push(ask), []),
    };
    const { run, did } = jobOver([], { shards });
    expect(await run([flush(0, ["ada"])])).toEqual(["done"]);
    expect([asked, did]).toEqual([[], []]);
    expect(await run([flush(3, [], ["ada"]), flush(3, [], ["ada", "bob"])])).toEqual(["done", "done"]);
    expect([asked, did]).toEqual([[[3, ["ada", "bob"]]], []]);
  });

  it("ask for no records where a message names none, and say that the job knows tombstones where it does", async () => {
    const asked: unknown[] = [];
    const shards = { collect: async (...ask: readonly unknown[]) => (asked.push(ask), []) };
    const { run } = jobOver([], { shards });
    await run([flush(0, [], ["ada"]), flush(1, ["ada"])]);
    expect(asked).toEqual([[1, [{ userId: "ada", kind: "video", itemId: "m1" }], LOG_FORMAT]]);
  });
});

describe("a failure around states", () => {
  const states = [stateOf("ada")];
  const messages = [flush(0, ["ada"]), flush(0, [], ["ada"]), flush(0, ["ada"], ["ada"]), flush(1, ["eve"])];
  const holds = [{ records: [recordOf()], states }, { records: [recordOf({ userId: "eve" })] }];

  it.each([
    ["the shard gives none", { shards: { collectStates: away } }, "collect states from shard 0"],
    [
      "the shard answers no list",
      { shards: { collectStates: async () => null as never } },
      "collect states from shard 0",
    ],
    ["the database takes none", { writer: { writeStates: away } }, "write states to database 0"],
    ["the shard hears of none", { shards: { confirmStates: away } }, "confirm states to shard 0"],
  ])("holds up only messages with states where %s", async (_, options, what) => {
    const { run, did, failures } = jobOver(holds, options);
    expect(await run(messages)).toEqual(["done", "again", "again", "done"]);
    expect(failures).toEqual([what]);
    expect(did).toContainEqual(["confirm", 0, ["ada"]]);
    expect(did.filter(([step]) => step === "confirm states")).toEqual([]);
  });

  it("of records holds up no state", async () => {
    const { run, did, failures } = jobOver(holds, { shards: { collect: away } });
    expect(await run(messages)).toEqual(["again", "done", "again", "again"]);
    expect(failures.toSorted()).toEqual(["collect from shard 0", "collect from shard 1"]);
    expect(did).toContainEqual(["confirm states", 0, [confirmationOfState(stateOf("ada"))]]);
  });

  it("lets what is refused at the spending cap wait for its end", async () => {
    const capped = async () => Promise.reject(new CodedError("SPENDING_CAP", "no more"));
    const { run } = jobOver(holds, { writer: { writeStates: capped } });
    expect(await run(messages)).toEqual(["done", "at the cap", "at the cap", "done"]);
  });

  it("leaves what is no state with its shard, tells and counts it, and writes the others", async () => {
    const bad = [
      null,
      7,
      { ...stateOf("eve"), paused: "yes" },
      { ...stateOf("eve"), userId: "not a user!" },
      { ...stateOf("eve"), cleared: { atMs: 1 } },
    ] as unknown as UserState[];
    const { run, did, failures, counted } = jobOver([], {
      shards: { collectStates: async () => [...bad, stateOf("ada")] },
    });
    expect(await run([flush(0, [], ["ada", "eve"])])).toEqual(["again"]);
    expect(did).toEqual([
      ["states", 0, ["ada"]],
      ["confirm states", 0, [confirmationOfState(stateOf("ada"))]],
    ]);
    expect({ failures, counted }).toEqual({
      failures: ["collect states from shard 0"],
      counted: [{ bad_record: 5 }],
    });
  });

  it("of one that the database refuses keeps no other from it: that one is told, counted and unconfirmed", async () => {
    const users = Array.from({ length: 40 }, (_, user) => `ada-${user}`);
    const { run, did, failures, counted } = jobOver([{ states: users.map((userId) => stateOf(userId)) }], {
      writer: {
        writeStates: async (part) => {
          if (part.some(({ userId }) => userId === "ada-17"))
            throw new CodedError("INVALID", "a check fails");
        },
      },
    });
    expect(await run([flush(0, [], users)])).toEqual(["again"]);
    const good = users.filter((userId) => userId !== "ada-17");
    expect(did).toEqual([["confirm states", 0, good.map((userId) => confirmationOfState(stateOf(userId)))]]);
    expect({ failures, counted }).toEqual({
      failures: ["write states to database 0"],
      counted: [{ bad_record: 1 }],
    });
  });

  it("of thousands that a bug of ours has spoilt asks the database some dozens of times only", async () => {
    const users = Array.from({ length: 4_000 }, (_, user) => `ada-${user}`);
    let statements = 0;
    const { run, did } = jobOver([{ states: users.map((userId) => stateOf(userId)) }], {
      writer: {
        writeStates: async () => {
          statements += 1;
          throw new CodedError("INVALID", "a check fails");
        },
      },
    });
    expect(await run([flush(0, [], users)])).toEqual(["again"]);
    expect(did).toEqual([]);
    expect(statements).toBeLessThan(50);
  });
});

describe("users with more in D1 than is kept", () => {
  const holds = [
    { records: [recordOf()] },
    { records: [recordOf({ userId: "bob" }), recordOf({ userId: "eve" })] },
  ];
  const messages = [flush(0, ["ada"]), flush(1, ["bob", "eve"])];

  it("are looked for among some of those written, and settled by the shard they came from, after the confirmations", async () => {
    const asked: unknown[] = [];
    const { run, did } = jobOver(holds, {
      random: () => 0,
      writer: {
        overfull: async (...ask) => {
          asked.push(ask);
          return ask[0].filter((userId) => userId !== "eve");
        },
      },
    });
    expect(await run(messages)).toEqual(["done", "done"]);
    expect(asked).toHaveLength(2);
    expect(asked).toContainEqual([["ada", "eve"], 1_000, NOW_MS - 30 * DAY_MS]);
    expect(asked).toContainEqual([["bob"], 1_000, NOW_MS - 30 * DAY_MS]);
    expect(new Set(did.slice(-2))).toEqual(
      new Set([
        ["settle", 0, "ada"],
        ["settle", 1, "bob"],
      ]),
    );
  });

  it("are nobody where nobody is looked at, or nothing of them was written", async () => {
    const asks = (did: readonly Done[]) => did.filter(([step]) => step === "overfull");
    const unlucky = jobOver(holds, { random: () => 1 / 50 });
    await unlucky.run(messages);
    const unwritten = jobOver(holds, { random: () => 0, writer: { upsert: away } });
    await unwritten.run(messages);
    expect([asks(unlucky.did), asks(unwritten.did)]).toEqual([[], []]);
  });

  it("hold up no message where looking for them or settling them fails, and that is told", async () => {
    const everybody = async (userIds: readonly string[]) => userIds;
    const blind = jobOver(holds, { random: () => 0, writer: { overfull: away } });
    expect(await blind.run(messages)).toEqual(["done", "done"]);
    expect(blind.failures).toEqual(Array(2).fill("look for users with too much"));
    const stuck = jobOver(holds, {
      random: () => 0,
      writer: { overfull: everybody },
      shards: { settle: away },
    });
    expect(await stuck.run(messages)).toEqual(["done", "done"]);
    expect(stuck.failures.toSorted()).toEqual([
      "settle a user in shard 0",
      "settle a user in shard 1",
      "settle a user in shard 1",
    ]);
  });

  it("are asked for a hundred at a time, once each, and settled twenty a run", async () => {
    const records = Array.from({ length: 500 }, (_, index) =>
      recordOf({ userId: `ada-${index % 250}`, itemId: `m${index}` }),
    );
    const sizes: number[] = [];
    const { run, did } = jobOver([{ records }], {
      random: () => 0,
      writer: { overfull: async (userIds) => (sizes.push(userIds.length), userIds) },
    });
    await run([flush(0, ["ada"])]);
    expect(sizes).toEqual([100, 100, 50]);
    expect(did.filter(([step]) => step === "settle")).toHaveLength(SETTLED_MAX);
  });
});
