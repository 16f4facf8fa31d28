import { describe, expect, it } from "vitest";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { ViewCache } from "../../../src/history/biz/view-cache.ts";
import { recordOf } from "../../support/databases/history-records.ts";

const T0 = 1_700_000_000_000;
const TTL_MS = 30_000;

function cacheWith(
  options: { readonly bytesMax?: number; readonly admits?: (record: HistoryRecord) => boolean } = {},
) {
  return new ViewCache({
    bytesMax: 1_000_000,
    entriesMax: 100,
    emptyTtlMs: TTL_MS,
    admits: () => true,
    ...options,
  });
}

/** A user of whom D1 has this, loaded. */
function load(cache: ViewCache, userId: string, records: readonly HistoryRecord[] = [], nowMs = T0) {
  const view = cache.open(userId, []);
  cache.absorb(view, records);
  cache.loaded(userId, view, "all", nowMs);
  return view;
}

/** How long a user is believed to have nothing, in ms after that was found. */
function lifetimeOf(userId: string): number {
  const cache = cacheWith();
  load(cache, userId);
  for (let afterMs = 0; ; afterMs += 100)
    if (afterMs > 2 * TTL_MS || cache.get(userId, T0 + afterMs) === undefined) return afterMs;
}

describe("users who have nothing", () => {
  const users = Array.from({ length: 400 }, (_, index) => `018f0000-0000-7000-8000-${index}`);

  it("are believed to for different times: those who came at once don't come again at once", () => {
    const lifetimes = users.map(lifetimeOf).toSorted((a, b) => a - b);
    expect(lifetimes[0]).toBeGreaterThanOrEqual(0.75 * TTL_MS);
    expect(lifetimes.at(-1)).toBeLessThanOrEqual(1.25 * TTL_MS + 100);
    const perSecond = Map.groupBy(lifetimes, (lifetimeMs) => Math.floor(lifetimeMs / 1_000));
    expect(perSecond.size).toBeGreaterThanOrEqual(15);
    for (const { length } of perSecond.values()) expect(length).toBeLessThan(users.length / 8);
  });

  it("are believed to for the same time each time, so that a test and a replay can tell it", () => {
    expect(users.slice(0, 20).map(lifetimeOf)).toEqual(users.slice(0, 20).map(lifetimeOf));
  });

  it("and who are held, or loaded once more, don't end with their lifetime, but right after it", () => {
    const cache = cacheWith();
    const view = load(cache, "ada");
    view.loads += 1;
    expect(cache.get("ada", T0 + 1_000_000)).toBe(view);
    view.loads -= 1;
    expect(cache.get("ada", T0 + 1_000_000)).toBeUndefined();
  });
});

describe("users who have something", () => {
  it("are believed for as long as there is room: nobody else writes what they have", () => {
    const cache = cacheWith();
    load(cache, "ada", [recordOf()]);
    expect(cache.get("ada", T0 + 365 * 86_400_000)?.get("video/m1")).toBeDefined();
  });

  it("leave when memory is full, whoever was read longest ago first, whose time it isn't because somebody looked", () => {
    const cache = cacheWith({ bytesMax: 3_000 });
    for (const userId of ["ada", "bob", "cyd"]) load(cache, userId, [recordOf({ userId })]);
    cache.get("ada", T0);
    cache.peek("bob");
    load(cache, "dan", [recordOf({ userId: "dan" })]);
    expect(["ada", "bob", "cyd", "dan"].filter((userId) => cache.peek(userId) !== undefined)).toEqual([
      "ada",
      "cyd",
      "dan",
    ]);
  });

  it("stay as long as a query for them is under way or somebody holds them", () => {
    const cache = cacheWith({ bytesMax: 1_000 });
    load(cache, "ada", [recordOf()]).loads += 1;
    load(cache, "bob", [recordOf({ userId: "bob" })]);
    load(cache, "cyd", [recordOf({ userId: "cyd" })]);
    expect([cache.peek("ada") !== undefined, cache.peek("bob")]).toEqual([true, undefined]);
  });
});

describe("what memory is counted", () => {
  it("is what the views that are there take, whatever comes, goes and is dropped", () => {
    const cache = cacheWith();
    const gone = load(cache, "ada", [recordOf()]);
    const kept = load(cache, "bob", [recordOf({ userId: "bob" })]);
    cache.merge(recordOf({ userId: "bob", itemId: "m2" }));
    cache.drop("ada");
    // It serves whoever holds it, and nobody else.
    cache.absorb(gone, [recordOf({ itemId: "m3" })]);
    expect([gone.get("video/m3") !== undefined, cache.bytes]).toEqual([true, kept.bytes]);
    cache.drop("bob");
    expect([cache.count, cache.bytes]).toEqual([0, 0]);
  });

  it("falls with what is cleared", () => {
    let clearedAtMs = 0;
    const cache = cacheWith({ admits: ({ atMs }) => atMs > clearedAtMs });
    const view = load(cache, "ada", [recordOf({ atMs: T0 }), recordOf({ itemId: "m2", atMs: T0 + 2 })]);
    const before = cache.bytes;
    clearedAtMs = T0 + 1;
    cache.retain("ada");
    expect(cache.bytes).toBeLessThan(before);
    expect(cache.bytes).toBe(view.bytes);
  });
});

// I46
describe("what was cleared, or is beyond what is kept", () => {
  const admits = ({ atMs }: HistoryRecord): boolean => atMs > T0;
  const late = recordOf({ itemId: "cleared", atMs: T0 });

  it("is shown no more, and comes back by no way into a view", () => {
    const cache = cacheWith({ admits });
    const view = cache.open("ada", [late]);
    cache.absorb(view, [late]);
    cache.loaded("ada", view, "all", T0);
    cache.merge(late);
    expect([...view.all()]).toEqual([]);
  });

  it("leaves a user of whom nothing else is there as one who has something, until they leave memory", () => {
    let clearedAtMs = 0;
    const cache = cacheWith({ admits: ({ atMs }) => atMs > clearedAtMs });
    const view = load(cache, "ada", [recordOf({ atMs: T0 })]);
    clearedAtMs = T0;
    cache.retain("ada");
    expect([cache.get("ada", T0 + 10 * TTL_MS), view.isEmpty]).toEqual([view, true]);
  });

  it("is nobody's trouble who isn't in memory", () => {
    const cache = cacheWith();
    cache.retain("nobody");
    expect(cache.count).toBe(0);
  });
});

describe("a view that is loaded by parts", () => {
  it("does not reach less far when an earlier, smaller answer comes late", () => {
    const cache = cacheWith();
    const view = cache.open("ada", []);
    cache.absorb(view, [recordOf()]);
    cache.loaded("ada", view, "all", T0);
    cache.loaded("ada", view, { atMs: T0, rev: 1 }, T0);
    expect(view.reach).toBe("all");
  });

  it("is forgotten as that very one: not the one that has taken its place", () => {
    const cache = cacheWith();
    const old = load(cache, "ada", [recordOf()]);
    cache.drop("ada");
    const fresh = load(cache, "ada", [recordOf()]);
    cache.forget("ada", old);
    expect(cache.peek("ada")).toBe(fresh);
    cache.forget("ada", fresh);
    expect(cache.count).toBe(0);
  });
});
