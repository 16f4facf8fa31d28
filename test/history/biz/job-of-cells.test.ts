import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import { jobOfCells } from "../../../src/history/biz/job-of-cells.ts";

const refill = (userId: string, cell?: string): QueueMessage => ({
  type: "refill",
  shard: 0,
  userId,
  ...(cell !== undefined && { cell }),
});

describe("messages of several cells in one batch", () => {
  it("are done by the job of their cell; where one can't, its messages alone come again", async () => {
    const ran: string[] = [];
    const told: string[] = [];
    const runJob = jobOfCells({
      jobOf: (cell = "main") => {
        if (cell === "gone") throw new Error("there is no such cell");
        return async (messages) => {
          if (cell === "jp") throw new Error("away");
          for (const message of messages)
            if (message.type === "refill") ran.push(`${cell} ${message.userId}`);
          return messages.map((_message, index) => (index === 0 ? "done" : "again"));
        };
      },
      onFailure: (what) => void told.push(what),
    });
    const batch = [refill("a"), refill("b", "us"), refill("c"), refill("d", "jp"), refill("e", "gone")];
    expect(await runJob(batch)).toEqual(["done", "done", "again", "again", "again"]);
    expect(ran).toEqual(["main a", "main c", "us b"]);
    expect(told).toEqual(["run a batch of gone", "run a batch of jp"]);
  });

  it("wait for the end of the spending cap where their job can't even begin, and use up no retries", async () => {
    const runJob = jobOfCells({
      jobOf: (cell) => async (messages) => {
        // A cold isolate asks objects where users are, and they refuse all at the cap.
        if (cell === "us") throw new CodedError("SPENDING_CAP", "ask for the shard mapping");
        return messages.map(() => "done");
      },
      onFailure: () => {},
    });
    expect(await runJob([refill("a", "us"), refill("b"), refill("c", "us")])).toEqual([
      "at the cap",
      "done",
      "at the cap",
    ]);
  });
});
