import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { packFlushMessages } from "../../../src/history/biz/flush-message.ts";
import { kafkaBus } from "../../../src/history/data/kafka-bus.ts";
import { kafkaRest } from "../../../src/platform/kafka/kafka-rest.ts";
import { KafkaStandIn } from "../../support/kafka/kafka-stand-in.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const MAIN = "playhead-history-flush";
const US = "playhead-history-flush-us";
const PARTITIONS = 3;

let kafka: KafkaStandIn;
let woken: string[];
let told: string[];
let pullersAreAway: boolean;
/** Partitions whose pullers never answer. */
let hung: ReadonlySet<number>;

beforeEach(() => {
  kafka = new KafkaStandIn({ topics: { [MAIN]: PARTITIONS, [US]: 1 } });
  [woken, told, pullersAreAway, hung] = [[], [], false, new Set()];
  vi.stubGlobal("fetch", kafka.fetch);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function busOf(cell: string) {
  const pullers = {
    idFromName: (name: string) => ({ name }) as unknown as DurableObjectId,
    get: (id: DurableObjectId) => ({
      wake: async () => {
        if (pullersAreAway) throw new Error("the object can't be reached");
        woken.push(id.name ?? "");
      },
      status: () => {
        const partition = Number(id.name?.split("-")[1]);
        if (pullersAreAway) return Promise.reject(new Error("the object can't be reached"));
        if (hung.has(partition)) return new Promise(() => undefined);
        return Promise.resolve({ partition, lag: 0, late: 0 });
      },
    }),
  };
  return kafkaBus({
    kafka: kafkaRest({ url: "https://kafka.example", username: "user", password: "password" }),
    guard: testGuard(),
    pullers,
    pullersGuard: testGuard(),
    cell: { name: cell, locationHint: null },
    onFailure: (what) => void told.push(what),
  });
}

const keys = (count: number, length = 10) =>
  Array.from({ length: count }, (_, index) => ({
    userId: `user-${index}`,
    kind: "video",
    itemId: "x".repeat(length),
  }));

describe("the bus over Kafka", () => {
  it("takes what the queue takes, under the shard's name, and wakes who reads that partition", async () => {
    const { queue } = busOf("main");
    const messages = packFlushMessages(2, keys(3), ["user-1"]);
    await queue.send(messages);
    const [record] = kafka.all(MAIN);
    expect(record?.key).toBe("shard-2");
    expect(JSON.parse(record?.value ?? "")).toEqual(messages[0]);
    const partition = Array.from({ length: PARTITIONS }).findIndex(
      (_, at) => kafka.records(MAIN, at).length > 0,
    );
    expect(woken).toEqual([`main-${partition}`]);
  });

  it("has a topic of its own for each cell, whose messages name the cell's shard", async () => {
    await busOf("us").queue.send(packFlushMessages(2, keys(1)));
    const [record] = kafka.all(US);
    expect(record?.key).toBe("us-2");
    expect(JSON.parse(record?.value ?? "")).toMatchObject({ shard: "us-2" });
    expect(woken).toEqual(["us-0"]);
  });

  it("sends all messages of one shard in order to one partition, however many there are", async () => {
    const messages = packFlushMessages(1, keys(6_000, 200));
    expect(messages.length).toBeGreaterThan(8);
    await busOf("main").queue.send(messages);
    const kept = Array.from({ length: PARTITIONS }, (_, at) => kafka.records(MAIN, at)).filter(
      (records) => records.length > 0,
    );
    expect(kept).toHaveLength(1);
    expect(kept[0]?.map(({ value }) => JSON.parse(value ?? "") as unknown)).toEqual(messages);
    expect(woken).toHaveLength(1);
  });

  it("throws what could not be sent, tries it once, and wakes who reads what was sent before", async () => {
    const messages = packFlushMessages(1, keys(6_000, 200));
    const { queue } = busOf("main");
    let requests = 0;
    vi.stubGlobal("fetch", (input: string, init: RequestInit) => {
      requests += 1;
      if (requests === 2) return Promise.reject(new Error("the connection was lost"));
      return kafka.fetch(input, init);
    });
    await expect(queue.send(messages)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(requests).toBe(2);
    expect(woken).toHaveLength(1);
  });

  it("is sent to all the same where who reads it can't be woken, which is told", async () => {
    pullersAreAway = true;
    await busOf("main").queue.send(packFlushMessages(1, keys(1)));
    expect(kafka.all(MAIN)).toHaveLength(1);
    expect(told).toEqual(["wake a puller"]);
  });

  it("has every partition looked at by the sweep, and asked by operators; none where there is no topic yet", async () => {
    await busOf("main").wakeAll();
    expect(woken.toSorted()).toEqual(["main-0", "main-1", "main-2"]);
    expect(await busOf("main").statuses()).toEqual(
      [0, 1, 2].map((partition) => ({ partition, lag: 0, late: 0 })),
    );
    expect(await busOf("eu").statuses()).toEqual([]);
    await busOf("eu").wakeAll();
    expect(woken).toHaveLength(3);
  });

  it("shows what can be known of a partition whose puller can't be asked, and all of the others", async () => {
    hung = new Set([1]);
    vi.useFakeTimers();
    const statuses = busOf("main").statuses();
    await vi.advanceTimersByTimeAsync(2_500);
    const known = (partition: number) => ({ partition, lag: 0, late: 0 });
    expect(await statuses).toEqual([known(0), { partition: 1, lag: null, late: null }, known(2)]);
    expect(told).toEqual(["ask a puller"]);
    pullersAreAway = true;
    expect(await busOf("us").statuses()).toEqual([{ cell: "us", partition: 0, lag: null, late: null }]);
  });

  it("takes no longer to show them all where there are many and each hangs", async () => {
    kafka = new KafkaStandIn({ topics: { [MAIN]: 100 } });
    vi.stubGlobal("fetch", kafka.fetch);
    hung = new Set(Array(100).keys());
    vi.useFakeTimers();
    let shown: readonly unknown[] = [];
    void busOf("main")
      .statuses()
      .then((statuses) => (shown = statuses));
    await vi.advanceTimersByTimeAsync(2_600);
    expect(shown).toHaveLength(100);
  });

  it("knows whether a partition is gone, and asks for its ends no longer than it is told", async () => {
    const bus = busOf("main");
    expect(await bus.partition(2).isGone()).toBe(false);
    expect(await bus.partition(3).isGone()).toBe(true);
    vi.useFakeTimers();
    kafka.faults.push({ path: "/offsets", fault: "hangs" });
    const ends = bus.partition(0).ends(50);
    const ended = ends.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60);
    expect(await ended).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("is read by offset, and has two ends", async () => {
    const bus = busOf("us");
    await bus.queue.send([...packFlushMessages(0, keys(1)), ...packFlushMessages(1, keys(1))]);
    const partition = bus.partition(0);
    expect(await partition.ends()).toEqual({ first: 0, next: 2 });
    expect((await partition.fetch(1)).map(({ offset }) => offset)).toEqual([1]);
    await expect(partition.fetch(3)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
