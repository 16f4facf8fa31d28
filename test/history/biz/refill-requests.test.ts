import { describe, expect, it } from "vitest";
import { RefillRequests } from "../../../src/history/biz/refill-requests.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

function requests({ queueFails = false } = {}) {
  const clock = new VirtualTime();
  const asked: string[] = [];
  const failures: string[] = [];
  const refills = new RefillRequests({
    shard: 3,
    queue: {
      send: async (messages) => {
        if (queueFails) throw new Error("the queue is away");
        for (const message of messages) if (message.type === "refill") asked.push(message.userId);
      },
    },
    now: clock.now,
    onBackgroundFailure: (what) => void failures.push(what),
  });
  return { clock, asked, failures, refills };
}

describe("a user whom D1 could not give", () => {
  it("is asked for at once; the next of that database after five seconds, then ten, twenty", () => {
    const { clock, asked, refills } = requests();
    for (let second = 0; second < 40; second += 1) {
      refills.ask(0, `at-${second}`);
      clock.turn(1_000);
    }
    expect(asked).toEqual(["at-0", "at-5", "at-15", "at-35"]);
  });

  it("is asked for at least every ten minutes, however long the database has been away", () => {
    const { clock, asked, refills } = requests();
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      refills.ask(0, "ada");
      clock.turn(60_000);
    }
    const before = asked.length;
    clock.turn(600_000);
    refills.ask(0, "ada");
    expect(asked).toHaveLength(before + 1);
  });

  it("of another database is asked for beside them", () => {
    const { asked, refills } = requests();
    refills.ask(0, "ada");
    refills.ask(1, "bob");
    refills.ask(1, "cyd");
    expect(asked).toEqual(["ada", "bob"]);
  });

  it("is asked for at once when the database has answered meanwhile", () => {
    const { asked, refills } = requests();
    refills.ask(0, "ada");
    refills.succeeded(0);
    refills.ask(0, "bob");
    expect(asked).toEqual(["ada", "bob"]);
  });

  it("does not wait for a time that a clock a month ahead has set", () => {
    const { clock, asked, refills } = requests();
    clock.turn(30 * 86_400_000);
    refills.ask(0, "ada");
    clock.stepBack(30 * 86_400_000);
    refills.ask(0, "bob");
    expect(asked).toEqual(["ada", "bob"]);
  });

  it("costs nobody anything where the queue is away: it is told, and the next asks later", async () => {
    const { failures, refills } = requests({ queueFails: true });
    refills.ask(0, "ada");
    await Promise.resolve();
    await Promise.resolve();
    expect(failures).toEqual(["ask for a refill"]);
  });
});
