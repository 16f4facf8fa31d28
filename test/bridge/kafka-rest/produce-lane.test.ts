import { ProtocolError } from "@platformatic/kafka";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProduceTimeout, type KafkaMessage } from "../../../bridge/kafka-rest/produce-clients.ts";
import { ProduceLane } from "../../../bridge/kafka-rest/produce-lane.ts";
import { FrontError } from "../../../bridge/shared/front-error.ts";

const message = (name: string): KafkaMessage => ({
  topic: "t",
  partition: 0,
  timestamp: 0n,
  value: Buffer.from(name),
});
const namesOf = (messages: readonly KafkaMessage[]): readonly string[] =>
  messages.map(({ value }) => value?.toString() ?? "");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A partition that answers when it is told to. */
class Partition {
  readonly log: string[] = [];
  readonly asked: { readonly names: readonly string[]; readonly end: (error?: Error) => void }[] = [];
  nowMs = 0;
  readonly lane = new ProduceLane({
    send: (messages) =>
      new Promise((resolve, reject) => {
        const names = namesOf(messages);
        const end = (error?: Error): void => {
          if (error !== undefined) return reject(error);
          resolve(BigInt(this.log.length));
          this.log.push(...names);
        };
        this.asked.push({ names, end });
      }),
    now: () => this.nowMs,
    timeoutMs: 1_000,
  });

  put(name: string, bytes = 10, deadlineMs = 1_000): Promise<bigint | string> {
    const put = this.lane.put([message(name)], bytes, deadlineMs);
    return put.catch((error: { readonly status: number }) => `status ${error.status}`);
  }
}

describe("a lane", () => {
  it("has one batch under way, and takes together what came meanwhile", async () => {
    const { lane, asked, ...partition } = new Partition();
    const put = (name: string) => lane.put([message(name)], 10, 1_000);
    const first = put("a");
    await turn();
    const others = [put("b"), put("c")];
    await turn();
    expect(asked.map(({ names }) => names)).toEqual([["a"]]);
    asked[0]?.end();
    expect(await first).toBe(0n);
    await turn();
    expect(asked.map(({ names }) => names)).toEqual([["a"], ["b", "c"]]);
    asked[1]?.end();
    expect(await Promise.all(others)).toEqual([1n, 2n]);
    await turn();
    expect([lane.isIdle, partition.log]).toEqual([true, ["a", "b", "c"]]);
  });

  it("writes what it is given in its order, and tells each where it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 900_000 }), { maxLength: 30 }), async (sizes) => {
        const partition = new Partition();
        const puts = sizes.map((bytes, index) => partition.put(String(index), bytes));
        for (let ended = 0; partition.log.length < sizes.length;) {
          await turn();
          for (; ended < partition.asked.length; ended += 1) partition.asked[ended]?.end();
        }
        expect(partition.log).toEqual(sizes.map((_bytes, index) => String(index)));
        expect(await Promise.all(puts)).toEqual(sizes.map((_bytes, index) => BigInt(index)));
        for (const { names } of partition.asked) {
          const bytes = names.reduce((sum, name) => sum + (sizes[Number(name)] ?? 0), 0);
          expect(bytes <= 900_000).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("lets nobody pay for a neighbour that Kafka refuses", async () => {
    const partition = new Partition();
    const puts = ["good", "bad", "fine"].map((name) => partition.put(name));
    for (let ended = 0; ended < 4;) {
      await turn();
      for (; ended < partition.asked.length; ended += 1) {
        const asked = partition.asked[ended];
        asked?.end(asked.names.includes("bad") ? new ProtocolError("INVALID_RECORD") : undefined);
      }
    }
    expect(await Promise.all(puts)).toEqual([0n, "status 400", 1n]);
  });

  it("tries nothing again of which nobody knows whether it was written", async () => {
    const partition = new Partition();
    const puts = ["a", "b"].map((name) => partition.put(name));
    await turn();
    partition.asked[0]?.end(new ProduceTimeout("late"));
    expect(await Promise.all(puts)).toEqual(["status 502", "status 502"]);
    expect(partition.asked.length).toBe(1);
  });

  it("tells of what was not sent that it was not", async () => {
    const partition = new Partition();
    const put = partition.put("a");
    await turn();
    partition.asked[0]?.end(new FrontError(503, "not sent"));
    expect(await put).toBe("status 503");
  });

  it("doesn't begin with what nobody waits for any more", async () => {
    const partition = new Partition();
    const first = partition.put("a");
    await turn();
    const [late, patient] = [partition.put("late", 10, 500), partition.put("patient", 10, 2_000)];
    partition.nowMs = 600;
    partition.asked[0]?.end();
    await turn();
    partition.asked[1]?.end();
    expect(await Promise.all([first, late, patient])).toEqual([0n, "status 503", 1n]);
  });
});
