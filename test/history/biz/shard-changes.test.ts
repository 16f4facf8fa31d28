import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change, Entry } from "../../../src/contracts/history.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { historyOver } from "../support/history-over.ts";
import { atOnce } from "../support/at-once.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const PAGES_MAX = 200;
const item = (itemId: string) => ({ kind: "video", itemId });
const nameOf = ({ kind, itemId }: { readonly kind: string; readonly itemId: string }): string =>
  `${kind}/${itemId}`;

/** A device that keeps a copy, as docs/api.md has it done. */
class Copy {
  readonly #entries = new Map<string, Entry>();
  #since: string | undefined;
  isPaused = false;
  resyncs = 0;

  get entries(): readonly Entry[] {
    return [...this.#entries.values()].toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
  }

  /** Takes one page. Answers what was in it, and whether there is more. */
  async pull(
    shard: Shard,
    limit: number,
  ): Promise<{ readonly changes: readonly Change[]; readonly more: boolean }> {
    const query = { limit, ...(this.#since !== undefined && { since: this.#since }) };
    const { changes, cursor, more, resync } = await shard.changes("ada", query);
    if (resync === true) {
      this.resyncs += 1;
      this.#entries.clear();
    }
    for (const change of changes) this.#take(change);
    this.#since = cursor;
    return { changes, more };
  }

  async pullAll(shard: Shard, limit = 100): Promise<readonly Change[]> {
    const all: Change[] = [];
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const { changes, more } = await this.pull(shard, limit);
      all.push(...changes);
      if (!more) return all;
    }
    throw new Error(`more than ${PAGES_MAX} pages`);
  }

  #take(change: Change): void {
    if ("entry" in change) this.#entries.set(nameOf(change.entry), change.entry);
    else if ("removed" in change) this.#entries.delete(nameOf(change.removed));
    else if ("settings" in change) this.isPaused = change.settings.paused;
    else {
      const { before } = "cleared" in change ? change.cleared : change.trimmed;
      for (const [name, { watchedAt }] of this.#entries) if (watchedAt < before) this.#entries.delete(name);
    }
  }
}

async function listed(shard: Shard): Promise<readonly Entry[]> {
  const { items } = await shard.list("ada", { limit: 100 });
  return items.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

function history(options: Parameters<typeof historyOver>[0] = {}) {
  const of = historyOver(options);
  let positionMs = 60_000;
  /** Another place each time, or it would be the same report again. */
  const play = (shard: Shard, itemId: string, at?: number): Promise<unknown> =>
    shard.report("ada", [
      {
        ...item(itemId),
        positionMs: (positionMs += 1_000),
        durationMs: 600_000,
        event: "playing",
        ...(at !== undefined && { at }),
      },
    ]);
  return { ...of, play };
}

describe("a device that asks for changes", () => {
  it("has everything at first, in the order in which it changed, and then nothing until something does", async () => {
    const { clock, play, start } = history();
    const shard = start();
    const startMs = clock.now();
    clock.turn(MINUTE);
    await play(shard, "new");
    await play(shard, "old", startMs);
    shard.setSettings("ada", { paused: true });
    const copy = new Copy();
    expect(await copy.pullAll(shard)).toMatchObject([
      { entry: { itemId: "new" } },
      { entry: { itemId: "old", watchedAt: startMs } },
      { settings: { paused: true } },
    ]);
    expect(await copy.pullAll(shard)).toEqual([]);
    shard.setSettings("ada", { paused: false });
    await play(shard, "new");
    expect(await copy.pullAll(shard)).toMatchObject([
      { settings: { paused: false } },
      { entry: { itemId: "new" } },
    ]);
  });

  it("goes on after a restart from a place that no record tells of", async () => {
    const { start } = history();
    const first = start();
    first.setSettings("ada", { paused: true });
    const { cursor } = await first.changes("ada", { limit: 10 });
    expect(await start().changes("ada", { limit: 10, since: cursor })).toEqual({
      changes: [],
      cursor,
      more: false,
    });
  });

  it("hears of an item at its newest change only, and of one that is deleted that it is", async () => {
    const { play, start } = history();
    const shard = start();
    const copy = new Copy();
    await play(shard, "film");
    await copy.pullAll(shard);
    await play(shard, "film");
    await shard.mark("ada", item("film"), { watched: true });
    await play(shard, "other");
    await shard.remove("ada", item("film"));
    const changes = await copy.pullAll(shard);
    expect(changes).toMatchObject([{ entry: { itemId: "other" } }, { removed: { itemId: "film" } }]);
  });

  it("misses nothing that moves while it turns pages", async () => {
    const { play, start } = history();
    const shard = start();
    for (const itemId of ["a", "b", "c", "d"]) await play(shard, itemId);
    const copy = new Copy();
    await copy.pull(shard, 2);
    await play(shard, "c");
    await shard.remove("ada", item("a"));
    await copy.pull(shard, 1);
    await play(shard, "a");
    await copy.pullAll(shard, 1);
    expect(copy.entries).toEqual(await listed(shard));
    expect(copy.entries.map(({ itemId }) => itemId)).toEqual(["a", "b", "c", "d"]);
  });

  it("hears what is cleared by one change, and what was played after it at the same moment stays", async () => {
    const { clock, play, start } = history();
    const shard = start();
    const copy = new Copy();
    await play(shard, "before");
    await copy.pullAll(shard);
    shard.clear("ada");
    await play(shard, "after");
    expect(await copy.pullAll(shard)).toMatchObject([
      { cleared: { before: clock.now() + 1 } },
      { entry: { itemId: "after" } },
    ]);
    expect(copy.entries).toEqual(await listed(shard));
  });

  it("hears what is trimmed, and keeps what is kept of the same moment", async () => {
    const { play, start } = history({ entriesPerUserMax: 3 });
    const shard = start();
    const copy = new Copy();
    for (const itemId of ["a", "b", "c"]) await play(shard, itemId);
    await copy.pullAll(shard);
    await play(shard, "d");
    await play(shard, "e");
    const changes = await copy.pullAll(shard);
    expect(changes).toContainEqual({ trimmed: { before: expect.any(Number) } });
    expect(copy.entries.map(({ itemId }) => itemId)).toEqual(["c", "d", "e"]);
    expect(copy.entries).toEqual(await listed(shard));
  });

  it("begins anew only where more was forgotten than it has heard of", async () => {
    const { clock, play, writeBack, start } = history();
    const shard = start();
    const [seen, stale] = [new Copy(), new Copy()];
    for (const itemId of ["film", "other", "third"]) await play(shard, itemId);
    await stale.pullAll(shard);
    await shard.remove("ada", item("film"));
    await seen.pullAll(shard);
    await writeBack(shard);
    clock.turn(31 * DAY);
    await play(shard, "other");
    await writeBack(shard);
    await writeBack(shard);
    expect(await shard.changes("ada", { limit: 10 })).not.toHaveProperty("resync");
    for (const copy of [seen, stale]) await copy.pullAll(shard, 1);
    expect([seen.resyncs, stale.resyncs]).toEqual([0, 1]);
    for (const copy of [seen, stale]) expect(copy.entries).toEqual(await listed(shard));
  });

  it("doesn't begin anew for what it has heard of on the page before", async () => {
    const { clock, play, writeBack, start } = history();
    const shard = start();
    const copy = new Copy();
    await play(shard, "film");
    await copy.pullAll(shard);
    await shard.remove("ada", item("film"));
    await play(shard, "other");
    await writeBack(shard);
    expect(await copy.pull(shard, 1)).toMatchObject({ changes: [{ removed: item("film") }], more: true });
    clock.turn(31 * DAY);
    await play(shard, "third");
    await writeBack(shard);
    await writeBack(shard);
    expect(shard.collectStates(["ada"])).toEqual([]);
    await copy.pullAll(shard, 1);
    expect([copy.resyncs, copy.entries]).toEqual([0, await listed(shard)]);
  });

  it("is refused while there are rows that can't be read, as an export is", async () => {
    const { sql, play, start } = history();
    await play(start(), "film");
    sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[]', x'ff')");
    const shard = start();
    for (const asked of [shard.changes("ada", { limit: 10 }), shard.exportAll("ada")])
      await expect(asked).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("is refused while D1 can't be asked, and goes on from where it was", async () => {
    const { away, play, writeBack, start } = history();
    const first = start();
    await play(first, "film");
    await writeBack(first);
    const copy = new Copy();
    await copy.pullAll(first);
    const shard = start();
    away.isAway = true;
    await play(shard, "new");
    await expect(copy.pull(shard, 10)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(shard.exportAll("ada")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    away.isAway = false;
    expect(await copy.pullAll(shard)).toMatchObject([{ entry: { itemId: "new" } }]);
  });

  it("hears nothing of whom was erased", async () => {
    const { play, start } = history();
    const shard = start();
    await play(shard, "film");
    shard.setSettings("ada", { paused: true });
    expect((await shard.changes("ada", { limit: 10 })).changes).toHaveLength(2);
    atOnce(shard.erase("ada"));
    expect(await shard.changes("ada", { limit: 10 })).toMatchObject({ changes: [], more: false });
    expect(await shard.exportAll("ada")).toEqual({ entries: [] });
  });
});

type Step =
  | { readonly do: "play" | "remove" | "mark"; readonly itemId: string; readonly agoMs: number }
  | { readonly do: "clear" | "pause" | "resume" | "write back" | "restart" | "sleep" }
  | { readonly do: "pull"; readonly device: number; readonly limit: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("play", "play", "play", "remove", "mark"),
      itemId: fc.constantFrom("a", "b", "c", "d", "e", "f", "g"),
      agoMs: fc.constantFrom(0, 0, 1, 20_000, 90_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "clear",
        "pause",
        "resume",
        "write back",
        "write back",
        "restart",
        "sleep",
        "sleep",
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pull" as const),
      device: fc.nat(1),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
);

describe("whatever people, players and devices do", () => {
  it("devices end with what the list has, and an export is that list", async () => {
    let [entries, runs] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
        const { clock, play, writeBack, start } = history({ entriesPerUserMax: 4 });
        const devices = [new Copy(), new Copy()];
        let shard = start();
        const take = async (step: Step): Promise<void> => {
          switch (step.do) {
            case "play":
              await play(shard, step.itemId, clock.now() - step.agoMs);
              break;
            case "remove":
              await shard.remove("ada", item(step.itemId));
              break;
            case "mark":
              await shard
                .mark("ada", item(step.itemId), { watched: true, at: clock.now() - step.agoMs })
                .catch(() => null);
              break;
            case "clear":
              shard.clear("ada");
              break;
            case "pause":
            case "resume":
              shard.setSettings("ada", { paused: step.do === "pause" });
              break;
            case "write back":
              await writeBack(shard);
              break;
            case "restart":
              shard = start();
              break;
            case "sleep":
              clock.turn(31_000);
              break;
            case "pull":
              await devices[step.device]?.pull(shard, step.limit);
          }
        };
        for (const step of steps) await take(step);
        runs += 1;
        entries += (await listed(shard)).length;
        // One after the other: an object has its storage to itself.
        for (const readerOf of [() => shard, start]) {
          const reader = readerOf();
          const list = await listed(reader);
          for (const device of devices) {
            await device.pullAll(reader, 2);
            expect(device.entries).toEqual(list);
            expect(device.isPaused).toBe(reader.settings("ada").paused);
          }
          expect(
            (await reader.exportAll("ada")).entries.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b))),
          ).toEqual(list);
        }
      }),
      { numRuns: 500 },
    );
    // It was about something: 1.5 entries a list.
    expect(entries).toBeGreaterThan(runs);
  });
});
