import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { CometDirectory } from "../../../src/realtime/biz/comet-directory.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const WAIT_MS = 400;

/** A directory over a history that a test moves, breaks and has hang. */
function setUp() {
  const time = new VirtualTime();
  const history = { shards: 1, failing: false, answersAfterMs: 0 };
  const asked: string[] = [];
  const directory = new CometDirectory({
    cells: ["main", "us"],
    askShards: async (cell) => {
      asked.push(cell);
      const { shards, failing, answersAfterMs } = history;
      if (answersAfterMs > 0) await time.sleep(answersAfterMs);
      if (failing) throw new CodedError("UNAVAILABLE", "history is away");
      return shards;
    },
    waitMs: WAIT_MS,
    now: time.now,
    sleep: time.sleep,
  });
  /** What becomes of it in the time that somebody waits. */
  const within = async <T>(work: Promise<T>): Promise<T> => {
    const state = { hasEnded: false };
    const end = () => void (state.hasEnded = true);
    work.then(end, end);
    for (let ms = 0; ms < 5_000 && !state.hasEnded; ms += 10) {
      await new Promise((resolve) => void setImmediate(resolve));
      if (!state.hasEnded) time.turn(10);
    }
    return work;
  };
  const find = (user = "ada", cell?: string): Promise<string> =>
    within(directory.cometOf({ userId: user, ...(cell !== undefined && { cell }) }));
  return { time, history, asked, directory, within, find };
}

describe("where a user's sockets go", () => {
  it("is asked once a minute, of each cell apart", async () => {
    const { time, history, asked, find } = setUp();
    expect([await find(), await find("ada", "us")]).toEqual(["shard-0", "us-0"]);
    history.shards = 4_096;
    time.turn(59_000);
    expect(await find()).toBe("shard-0");
    time.turn(1_000);
    expect(await find()).not.toBe("shard-0");
    expect(asked).toEqual(["main", "us", "main"]);
  });

  it("is asked by one for all who come meanwhile", async () => {
    const { history, asked, directory, within } = setUp();
    history.answersAfterMs = 300;
    const all = Array.from({ length: 50 }, () => directory.cometOf({ userId: "ada" }));
    expect(new Set(await within(Promise.all(all)))).toEqual(new Set(["shard-0"]));
    expect(asked).toEqual(["main"]);
  });

  it("is what it was while history can't say, which is asked once a second then", async () => {
    const { time, history, asked, find } = setUp();
    await find();
    history.failing = true;
    time.turn(60_000);
    for (let count = 0; count < 20; count += 1) expect(await find()).toBe("shard-0");
    expect(asked).toHaveLength(2);
    time.turn(1_000);
    await find();
    expect(asked).toHaveLength(3);
  });

  it("holds nobody up while it is asked for again", async () => {
    const { time, history, asked, directory, find } = setUp();
    await find();
    time.turn(60_000);
    history.answersAfterMs = 10_000;
    void directory.cometOf({ userId: "ada" });
    expect(await directory.cometOf({ userId: "ada" })).toBe("shard-0");
    expect(asked).toHaveLength(2);
  });

  it("is not known where nobody could say it yet: each hears why, and those who waited that it isn't", async () => {
    const { history, asked, directory, within, find } = setUp();
    history.failing = true;
    await expect(find()).rejects.toMatchObject({ code: "UNAVAILABLE", message: "history is away" });
    history.failing = false;
    // Of one whose request is gone, nobody hears: the first who waited asks in their place.
    history.answersAfterMs = 1_000_000;
    for (const userId of ["ada", "bob"]) void directory.cometOf({ userId });
    await expect(within(directory.cometOf({ userId: "eve" }))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryAfterMs: 1_000,
    });
    expect(asked).toHaveLength(3);
    history.answersAfterMs = 0;
    expect(await find()).toBe("shard-0");
  });

  it("is nowhere for a user of a cell that isn't there", async () => {
    const { asked, find } = setUp();
    await expect(find("ada", "jp")).rejects.toMatchObject({ code: "UNAVAILABLE", failedBelow: true });
    expect(asked).toEqual([]);
  });
});
