import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChangeFollower } from "../../../examples/ledger-changes/follow-changes.ts";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { changeEventOf } from "../../../src/ledger/biz/change-event.ts";
import { ChangeTailer } from "../../../src/ledger/biz/change-tailer.ts";
import {
  changePipeline,
  kafkaChangeSink,
  pipelineChangeSink,
} from "../../../src/ledger/data/change-sinks.ts";
import { d1Changes } from "../../../src/ledger/data/d1-changes.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { kafkaRest } from "../../../src/platform/kafka/kafka-rest.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { KafkaStandIn, type KafkaFault } from "../../support/kafka/kafka-stand-in.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { aDeposit, ledgerD1 } from "../support/ledger-d1.ts";

const TOPIC = "playhead-wallet-changes";
const USERS = ["ann", "bob", "cy"];

let kafka: KafkaStandIn;

beforeEach(() => {
  kafka = new KafkaStandIn({ topics: { [TOPIC]: 2 } });
  vi.stubGlobal("fetch", kafka.fetch);
});
afterEach(() => void vi.unstubAllGlobals());

/** A wallet whose changes go to Kafka, and what its publisher's object does with each run. */
function wallet() {
  const db = ledgerD1();
  const store = d1Changes(db, "wallet");
  const rest = kafkaRest({ url: "https://kafka.example", username: "user", password: "password" });
  /** A publisher that starts anew knows nothing but what is stored. */
  const publish = async (): Promise<void> => {
    const sink = kafkaChangeSink(rest, testGuard({ upstream: "wallet-changes" }), "wallet");
    await new ChangeTailer({ store, sink, now: Date.now }).run();
  };
  const pay = async (userId: string, amount: number): Promise<void> =>
    void (await d1Transfers(db, "wallet").deposit(aDeposit({ userId, amount: amountOf(amount) })));
  return { store, publish, pay };
}

/** A reader that has read all there is, and what it did with each event. */
function readAll(follower: ChangeFollower) {
  return [0, 1].flatMap((partition) =>
    kafka
      .records(TOPIC, partition)
      .slice(follower.offsetOf(partition))
      .map(({ offset, value }) => follower.take({ partition, offset, value: value ?? "" })),
  );
}

const balancesOf = ({ state }: ChangeFollower) =>
  Object.fromEntries(Object.entries(state.accounts).map(([user, { balance }]) => [user, balance]));

describe("changes over Kafka", () => {
  it("are in order of each account under its key, with our id in a header and nothing else of it", async () => {
    const { publish, pay } = wallet();
    await pay("ann", 1);
    await pay("bob", 2);
    await pay("ann", 3);
    await publish();
    const ofAnn = kafka.all(TOPIC).filter(({ key }) => key === "ann");
    expect(ofAnn.map(({ headers, value }) => [headers, JSON.parse(value ?? "")])).toMatchObject([
      [[{ key: "id", value: "wallet-1" }], { v: 1, id: "wallet-1", seq: 1, amount: 1, balance: 1 }],
      [[{ key: "id", value: "wallet-3" }], { v: 1, id: "wallet-3", seq: 3, amount: 3, balance: 4 }],
    ]);
  });

  it("go on where they were by a publisher that starts anew, and wait while Kafka is away", async () => {
    const { store, publish, pay } = wallet();
    await pay("ann", 1);
    for (let count = 0; count < 3; count += 1) kafka.faults.push({ path: "/produce", fault: "refused" });
    await expect(publish()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await store.publishedSeq()).toBe(0);
    await pay("ann", 2);
    await publish();
    await pay("ann", 3);
    await publish();
    expect(kafka.all(TOPIC).map(({ value }) => (JSON.parse(value ?? "") as { seq: number }).seq)).toEqual([
      1, 2, 3,
    ]);
    expect(await store.publishedSeq()).toBe(3);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "reach a reader that dedupes once each, in order, whatever becomes of requests and answers (%i)",
    async (seed) => {
      const random = mulberry32(seed);
      const { publish, pay } = wallet();
      const follower = new ChangeFollower();
      const paid: Record<string, number> = {};
      const taken: string[] = [];
      const faults: readonly KafkaFault[] = ["refused", "answer lost", "twice", "late"];
      let [payments, told] = [0, 0];
      for (let round = 0; round < 40; round += 1) {
        const user = USERS[Math.floor(random() * USERS.length)] ?? "ann";
        const amount = 1 + Math.floor(random() * 100);
        paid[user] = (paid[user] ?? 0) + amount;
        payments += 1;
        await pay(user, amount);
        const fault = faults[Math.floor(random() * faults.length)];
        if (random() < 0.6 && fault !== undefined) kafka.faults.push({ path: "/produce", fault });
        if (random() < 0.8) await publish().catch(() => undefined);
        if (random() < 0.2) kafka.release();
        if (random() < 0.5) taken.push(...readAll(follower));
      }
      kafka.faults.length = 0;
      await publish();
      kafka.release();
      taken.push(...readAll(follower));
      told = taken.filter((what) => what === "applied").length;
      expect(balancesOf(follower)).toEqual(paid);
      expect(told).toBe(payments);
      expect(taken.filter((what) => what === "known already").length).toBeGreaterThan(0);
      expect(taken).not.toContain("missed");
      expect(readAll(new ChangeFollower()).filter((what) => what === "applied")).toHaveLength(payments);
    },
  );

  it("show a reader that one is missing", () => {
    const event = (seq: number, amount: number, balance: number) =>
      JSON.stringify(
        changeEventOf({ ledger: "wallet", seq, userId: "ann", transferId: "t", amount, balance, at: 1 }),
      );
    const follower = new ChangeFollower();
    const take = (offset: number, value: string) => follower.take({ partition: 0, offset, value });
    expect([take(0, event(1, 5, 5)), take(1, event(3, 5, 15))]).toEqual(["applied", "missed"]);
    expect(take(2, '{"v":2}')).toBe("not understood");
  });

  it.each([null, "", "{", "null", "7", "[]", '{"v":1}', '{"v":1,"id":"x","userId":"ann","seq":"9"}'])(
    "stop no reader by what is none of theirs: %j",
    (value) => {
      const follower = new ChangeFollower();
      expect(follower.take({ partition: 0, offset: 4, value })).toBe("not understood");
      expect(follower.state).toEqual({ offsets: { 0: 5 }, accounts: {} });
    },
  );

  it("are read on from what is there where a reader was away for longer than they are kept", () => {
    const follower = new ChangeFollower({ offsets: { 0: 4, 1: 9 }, accounts: {} });
    follower.clampTo(0, 2, 6);
    follower.clampTo(1, 20, 30);
    follower.clampTo(2, 7, 8);
    expect(follower.state.offsets).toEqual({ 0: 4, 1: 20, 2: 7 });
    follower.clampTo(0, 0, 3);
    expect(follower.offsetOf(0)).toBe(0);
  });
});

describe("changes into a pipeline", () => {
  it("are sent by its binding, each with all that a header and an order would say", async () => {
    const { store, pay } = wallet();
    const sent: unknown[][] = [];
    let fails = true;
    const pipeline = {
      send: async (records: unknown[]) => {
        if (fails) throw new Error("the pipeline is away");
        sent.push(records);
      },
    };
    const sink = pipelineChangeSink(changePipeline({ CHANGES_PIPELINE: pipeline }), testGuard());
    const tailer = new ChangeTailer({ store, sink, now: Date.now });
    await pay("ann", 1);
    await pay("bob", 2);
    await expect(tailer.run()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    fails = false;
    await tailer.run();
    await tailer.run();
    expect(sent).toMatchObject([
      [
        { v: 1, id: "wallet-1", seq: 1, userId: "ann", balance: 1 },
        { v: 1, id: "wallet-2", seq: 2, userId: "bob", balance: 2 },
      ],
    ]);
  });

  it("are refused at the start where no pipeline is bound", () => {
    expect(() => changePipeline({})).toThrow("no pipeline is bound as CHANGES_PIPELINE");
  });
});

describe("docs/events.md", () => {
  const document = readFileSync(`${PROJECT_ROOT}docs/events.md`, "utf8");
  const event = changeEventOf({
    ledger: "wallet",
    seq: 42,
    userId: "01a206b4-3f6e-7591-a3c3-fafc710fd09d",
    transferId: "01a20802-9c08-76a3-b6df-a2c91f6d65db",
    amount: -2_500,
    balance: 7_500,
    at: 1_795_408_805_921,
  });

  it("shows an event as it is told", () => {
    const [, shown = ""] = /```json\n([\s\S]*?)```/.exec(document) ?? [];
    expect(JSON.parse(shown)).toEqual(event);
    expect(Object.keys(JSON.parse(shown) as object)).toEqual(Object.keys(event));
  });

  it("has a row for each of its fields, and for nothing else", () => {
    const rows = [...document.matchAll(/^\| `([a-zA-Z]+)` \| [^|]+ \|$/gm)].map(([, name]) => name);
    expect(rows).toEqual(Object.keys(event));
  });
});
