import { describe, expect, it } from "vitest";
import type { Failures } from "../../../src/history/biz/ports.ts";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import type { MessageOutcome } from "../../../src/history/biz/history-job.ts";
import { queueConsumer } from "../../../src/history/service/queue-consumer.ts";
import type { Logger } from "../../../src/platform/logger.ts";

const FLUSH = "playhead-history-flush";
const DEAD = `${FLUSH}-dead`;
const flushOf = (userId: string): unknown => ({ type: "flush", shard: 1, users: [[userId, ["video/m1"]]] });
const refill = { type: "refill", shard: 1, userId: "ada" };

/** A consumer whose job answers `outcome`, and everything it says and does. */
function consumer({
  outcome = "done",
  failing = false,
  failure = new Error("D1 is away"),
}: { outcome?: MessageOutcome | Error; failing?: boolean; failure?: Error } = {}) {
  const noted: Failures[] = [];
  const ran: QueueMessage[] = [];
  const errors: string[] = [];
  const fates: string[] = [];
  const logger = { error: (event: string) => void errors.push(event) } as Logger;
  const consume = queueConsumer({
    runJob: async (messages) => {
      ran.push(...messages);
      if (outcome instanceof Error) throw outcome;
      return messages.map(() => outcome);
    },
    failures: {
      note: async (failures) => {
        if (failing) throw failure;
        noted.push(failures);
      },
    },
    logger,
  });
  const run = (queue: string, bodies: readonly unknown[], attempts = 1): Promise<void> => {
    const messages = bodies.map((body, index) => ({
      id: `id-${index}`,
      body,
      attempts,
      timestamp: new Date(0),
      ack: () => void (fates[index] = "ack"),
      retry: ({ delaySeconds }: { delaySeconds?: number } = {}) =>
        void (fates[index] = `again in ${delaySeconds} s`),
    }));
    return consume({
      queue,
      messages,
      ackAll: () => undefined,
      retryAll: () => undefined,
    } as unknown as MessageBatch);
  };
  return { run, noted, ran, errors, fates };
}

describe("dead letters", () => {
  it("are counted with their cell; what nobody can read, with main", async () => {
    const { run, noted, fates } = consumer();
    await run(DEAD, [refill, { ...refill, shard: "us-1" }, "nothing of ours", { ...refill, shard: "us-2" }]);
    expect(noted.map(({ cell, counts }) => ({ cell, counts }))).toEqual([
      { cell: undefined, counts: { dead_refill: 1, unreadable: 1 } },
      { cell: "us", counts: { dead_refill: 2 } },
    ]);
    expect(fates).toEqual(["ack", "ack", "ack", "ack"]);
  });

  it("are counted by kind in one write a batch, and nothing of what they say is kept", async () => {
    const { run, noted, fates, ran } = consumer();
    await run(DEAD, [
      flushOf("Lovelace"),
      flushOf("Hopper"),
      refill,
      { type: "flush", shard: "Ada-Lovelace" },
    ]);
    expect(noted).toEqual([
      {
        counts: { dead_flush: 2, dead_refill: 1, unreadable: 1 },
        unreadable: [{ id: "id-3", outline: "{2: type: string(5), shard: string(12)}", attempts: 1 }],
      },
    ]);
    expect(JSON.stringify(noted)).not.toMatch(/Ada|Lovelace|Hopper|video/);
    expect([fates, ran]).toEqual([["ack", "ack", "ack", "ack"], []]);
  });

  it("come again later and later while they can't be counted", async () => {
    for (const [attempts, delay] of [
      [1, 2],
      [5, 32],
      [10, 600],
    ] as const) {
      const { run, fates, errors } = consumer({ failing: true });
      await run(DEAD, [flushOf("ada")], attempts);
      expect([fates, errors]).toEqual([[`again in ${delay} s`], ["dead letters not counted"]]);
    }
  });
});

describe("the flush queue's messages", () => {
  it("are done or come again one by one, and later each time", async () => {
    const done = consumer();
    await done.run(FLUSH, [flushOf("ada"), refill]);
    expect(done.fates).toEqual(["ack", "ack"]);
    for (const [attempts, delay] of [
      [1, 2],
      [3, 8],
      [9, 60],
    ] as const) {
      const again = consumer({ outcome: "again" });
      await again.run(FLUSH, [flushOf("ada")], attempts);
      expect(again.fates).toEqual([`again in ${delay} s`]);
    }
  });

  it("come again with a delay, each, when the job itself breaks", async () => {
    const { run, fates, errors } = consumer({ outcome: new RangeError("a bug") });
    await run(FLUSH, [flushOf("ada"), refill]);
    expect([fates, errors]).toEqual([["again in 2 s", "again in 2 s"], ["history job failed"]]);
  });

  it("lose a bad key and no other; it is told and counted", async () => {
    const { run, ran, noted, errors, fates } = consumer();
    await run(FLUSH, [
      {
        type: "flush",
        shard: 1,
        users: [
          ["ada", ["video/m1", "nonsense"]],
          ["e v e", ["video/m1"]],
        ],
      },
      flushOf("bob"),
    ]);
    expect(ran).toEqual([flushOf("ada"), flushOf("bob")]);
    expect([noted, errors, fates]).toEqual([
      [{ counts: { bad_key: 2 }, unreadable: [] }],
      ["keys of a flush message skipped"],
      ["ack", "ack"],
    ]);
  });

  it("that can't be read are noted by their outline and hold up no other", async () => {
    const { run, ran, noted, fates } = consumer();
    await run(FLUSH, ["ada-lovelace", flushOf("bob"), null]);
    expect(ran).toEqual([flushOf("bob")]);
    expect(noted.map(({ counts }) => counts)).toEqual([{ unreadable: 2 }]);
    expect(noted[0]?.unreadable?.map(({ outline }) => outline)).toEqual(["string(12)", "null"]);
    expect(fates).toEqual(["ack", "ack", "ack"]);
    const failing = consumer({ failing: true });
    await failing.run(FLUSH, ["ada-lovelace", flushOf("bob")]);
    expect([failing.fates, failing.ran]).toEqual([["again in 2 s", "ack"], [flushOf("bob")]]);
  });
});

describe("at the account's spending cap", () => {
  const failure = new Error("D1_ERROR: Exceeded the account's spending cap for D1");

  it.each([
    ["a message that the job could not do for it", FLUSH, [refill], { outcome: "at the cap" }],
    ["a batch that ended with it", FLUSH, [refill], { outcome: failure }],
    ["a dead letter that can't be counted", DEAD, [refill], { failing: true, failure }],
    ["a message nobody can read", FLUSH, ["nonsense"], { failing: true, failure }],
  ] as const)("%s is neither done nor used up: it comes in five minutes, then ever later", async (...row) => {
    const [, queue, bodies, options] = row;
    for (const [attempts, delayS] of [
      [1, 300],
      [3, 4_800],
    ] as const) {
      const { run, fates } = consumer(options);
      await run(queue, bodies, attempts);
      expect(fates).toEqual([`again in ${delayS} s`]);
    }
  });
});
