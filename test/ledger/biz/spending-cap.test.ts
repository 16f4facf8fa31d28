import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { DeliveryReport } from "../../../src/contracts/ledger.ts";
import { publishOnce } from "../../../src/ledger/biz/publish-once.ts";
import { Receiver } from "../../../src/ledger/biz/receiver.ts";
import { queueConsumer } from "../../../src/ledger/service/queue-consumer.ts";
import { createLogger } from "../../../src/platform/logger.ts";

/* What a ledger does with messages while its database is refused at the spending cap. */

const refuse = (): Promise<never> =>
  Promise.reject(
    new CodedError("SPENDING_CAP", "credit", {
      cause: new Error("Exceeded the account's spending cap for D1"),
    }),
  );
const DELIVERY = {
  v: 1,
  transferId: "0190a1b2-0000-7000-8000-00000000000a",
  from: "wallet",
  userId: "ada",
  amount: 5,
  attempt: 3,
};

/** What becomes of a message that a savings whose database is at the cap is given. */
async function fateOf(queue: string, attempts: number) {
  const reports: DeliveryReport[] = [];
  const receiver = new Receiver({
    store: { credit: refuse, fence: refuse },
    deadLetters: { keep: refuse } as never,
    peer: { name: "wallet", report: async (report) => void reports.push(report), fence: refuse },
    wakePublisher: () => undefined,
    ids: { id: () => "id", token: () => "token" },
    now: () => 1,
  });
  const fates: string[] = [];
  const message = {
    id: "m-1",
    body: DELIVERY,
    attempts,
    ack: () => void fates.push("ack"),
    retry: ({ delaySeconds }: { delaySeconds?: number } = {}) => void fates.push(`in ${delaySeconds} s`),
  };
  const logger = createLogger({ worker: "test", level: "silent" });
  await queueConsumer({ receiver, logger })({ queue, messages: [message] } as unknown as MessageBatch);
  return { fates, reports };
}

describe("a delivery at the spending cap", () => {
  it.each(["playhead-savings-deliveries", "playhead-savings-deliveries-dead"])(
    "waits in %s, five minutes and then ever longer, and its origin hears of no failure",
    async (queue) => {
      expect(await fateOf(queue, 1)).toEqual({ fates: ["in 300 s"], reports: [] });
      expect(await fateOf(queue, 4)).toEqual({ fates: ["in 19200 s"], reports: [] });
    },
  );
});

describe("a publisher at the spending cap", () => {
  const nextOf = (run: () => Promise<never>): Promise<number | null> =>
    publishOnce({
      publisher: { publishDue: run },
      tailer: null,
      now: () => 1_000_000,
      onFailure: () => undefined,
    });

  it("looks again in a minute, where another failure is looked at again in seconds", async () => {
    expect(await nextOf(refuse)).toBe(1_060_000);
    expect(await nextOf(() => Promise.reject(new Error("away")))).toBe(1_005_000);
  });
});
