import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../../src/contracts/history.ts";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import { decodePlace } from "../../../src/history/biz/place.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { HistoryDevice } from "../../sim/history/history-device.ts";
import { CometDouble, settled } from "../support/comet-double.ts";
import { historyOver } from "../support/history-over.ts";

const COMET = "shard-0";
const ITEMS = ["a", "b", "c", "d"];
const PAGES_MAX = 50;
const MINUTE = 60_000;

/**
 * A device that follows by news, as its comet has it done: what is older than what it has is none,
 * and where it is behind it asks for what has changed.
 */
class FollowingDevice extends HistoryDevice {
  readonly socket: string;
  readonly #asks: () => Shard;
  news = 0;
  /** Where it has to ask from, while it can't be answered. */
  #behind: string | null = null;

  constructor(socket: string, asks: () => Shard) {
    super();
    this.socket = socket;
    this.#asks = asks;
  }

  async follow(news: UserNews): Promise<void> {
    if ("erased" in news) throw new Error("nobody is erased here");
    if ("behind" in news) return this.catchUp(news.behind);
    // What comes live waits until it has caught up, and is in what it gets then.
    if (this.#behind !== null) return this.catchUp(this.#behind);
    if (news.except === this.socket || !this.#isNew(news.cursor)) return;
    this.news += 1;
    this.take({ ...news, more: false });
  }

  async retry(): Promise<void> {
    if (this.#behind !== null) await this.catchUp(this.#behind);
  }

  async catchUp(since: string): Promise<void> {
    const behind = this.#behind;
    this.#behind = behind !== null && decodePlace(behind).rev < decodePlace(since).rev ? behind : since;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const place = this.#behind ?? since;
      const asked = this.#asks().changes("ada", { limit: 2, since: place });
      const answer = await asked.catch(() => null);
      if (answer === null) return;
      this.take(answer);
      this.#behind = answer.more ? answer.cursor : null;
      if (!answer.more) return;
    }
    throw new Error(`more than ${PAGES_MAX} pages`);
  }

  /** It has reported itself, and knows by the receipt what has become of the item. */
  async knows(itemId: string): Promise<void> {
    const { items, degraded } = await this.#asks().lookup("ada", [{ kind: "video", itemId }]);
    // What it can't know it asks for.
    if (degraded === true) return this.catchUp(this.cursor ?? "0");
    const changes = items.map((entry) => ({ entry }));
    this.take({ changes, cursor: this.cursor ?? "0", more: false });
  }

  #isNew(cursor: string): boolean {
    return this.cursor === undefined || decodePlace(cursor).rev > decodePlace(this.cursor).rev;
  }
}

type Step =
  | {
      readonly do: "play" | "remove" | "mark";
      readonly itemId: string;
      readonly agoMs: number;
      readonly hasDuration: boolean;
      readonly socket: string | null;
    }
  | { readonly do: "clear" | "pause" | "resume" | "write back" | "restart" | "minute" | "away" | "back" }
  | { readonly do: "comet"; readonly does: CometDouble["does"] };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("play", "play", "play", "play", "remove", "mark"),
      itemId: fc.constantFrom(...ITEMS),
      agoMs: fc.constantFrom(0, 0, 0, 1, 20_000, 90_000),
      hasDuration: fc.boolean(),
      socket: fc.constantFrom("phone", "tv", null, null, null, null),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "clear",
        "pause",
        "resume",
        "resume",
        "write back",
        "write back",
        "restart",
        "restart",
        "restart",
        "minute",
        "away",
        "back",
        "back",
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("comet" as const),
      does: fc.constantFrom("takes", "takes", "refuses", "loses", "holds"),
    }),
  },
);

const nameOf = ({ kind, itemId }: Entry): string => `${kind}/${itemId}`;
const inOrder = (entries: readonly Entry[]): readonly Entry[] =>
  entries.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));

/** A shard with two devices that listen, and a comet that may fail. */
async function followed() {
  const comet = new CometDouble();
  const over = historyOver({ entriesPerUserMax: 3, tellComet: comet.tell });
  const sees = { shard: over.start() };
  const devices = ["phone", "tv"].map((socket) => new FollowingDevice(socket, () => sees.shard));
  for (const device of devices) await device.catchUp("0");
  await sees.shard.join(COMET, { userId: "ada", sockets: devices.length, version: 1 }, null);
  over.clock.turn(MINUTE);
  let positionMs = 60_000;
  const beatOf = (itemId: string, agoMs: number, hasDuration: boolean) => ({
    kind: "video",
    itemId,
    positionMs: (positionMs += 1_000),
    // What has lost may still tell a duration, which is no change of its own.
    ...(hasDuration && agoMs === 0 && { durationMs: 600_000 }),
    event: "playing" as const,
    at: over.clock.now() - agoMs,
  });
  /** What has arrived at the comet goes to its sockets. */
  const deliver = async (): Promise<void> => {
    await settled();
    for (const news of comet.taken()) for (const device of devices) await device.follow(news);
    for (const device of devices) await device.retry();
  };
  const take = async (step: Step): Promise<void> => {
    const { shard } = sees;
    switch (step.do) {
      case "play": {
        const reports = [beatOf(step.itemId, step.agoMs, step.hasDuration)];
        if (step.socket === null) await shard.report("ada", reports);
        else
          await shard.reportMany([
            { userId: "ada", reports, source: { socket: step.socket, others: true, version: 1 } },
          ]);
        await devices.find(({ socket }) => socket === step.socket)?.knows(step.itemId);
        break;
      }
      case "remove":
        await shard.remove("ada", { kind: "video", itemId: step.itemId }).catch(() => undefined);
        break;
      case "mark":
        await shard
          .mark("ada", { kind: "video", itemId: step.itemId }, { watched: false })
          .catch(() => undefined);
        break;
      case "clear":
        shard.clear("ada");
        break;
      case "pause":
      case "resume":
        shard.setSettings("ada", { paused: step.do === "pause" });
        break;
      case "write back":
        if (!over.away.isAway) await over.writeBack(shard);
        break;
      case "away":
      case "back":
        over.away.isAway = step.do === "away";
        break;
      case "restart":
        // Before what it has just decided to tell is on its way, or after.
        comet.forget();
        sees.shard = over.start();
        break;
      case "minute":
        over.clock.turn(MINUTE);
        await shard.onAlarm();
        break;
      case "comet":
        comet.does = step.does;
        await comet.release();
    }
    await deliver();
  };
  /** All is well, and long enough for everything that waits. */
  const heal = async (): Promise<void> => {
    comet.does = "takes";
    over.away.isAway = false;
    await comet.release();
    for (let minute = 0; minute < 3; minute += 1) await take({ do: "minute" });
  };
  return { sees, devices, take, deliver, heal };
}

describe("whatever people, players, comets and restarts do", () => {
  it("devices that follow by news end with what the list has, and their cursor says so", async () => {
    const counts = { entries: 0, runs: 0, news: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 60, size: "max" }), async (steps) => {
        const { sees, devices, take, deliver, heal } = await followed();
        for (const step of steps) await take(step);
        await heal();
        const { items } = await sees.shard.list("ada", { limit: 100 });
        // Only who reads everything finds what is beyond what is kept, and that is news.
        await deliver();
        for (const device of devices) {
          expect(inOrder(device.list())).toEqual(inOrder(items));
          expect(device.isPaused).toBe(sees.shard.settings("ada").paused);
          // And what it takes for everything up to here is that.
          const { cursor, changes } = await sees.shard.changes("ada", {
            limit: 100,
            ...(device.cursor !== undefined && { since: device.cursor }),
          });
          device.take({ changes, cursor, more: false });
          expect(inOrder(device.list())).toEqual(inOrder(items));
          counts.news += device.news;
        }
        counts.runs += 1;
        counts.entries += items.length;
      }),
      { numRuns: 300 },
    );
    // It was about something.
    expect(counts.entries).toBeGreaterThan(counts.runs);
    expect(counts.news).toBeGreaterThan(counts.runs);
  });
});
