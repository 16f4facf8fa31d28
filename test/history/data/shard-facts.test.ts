import { describe, expect, it } from "vitest";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import { readStoredMapping, ShardFacts } from "../../../src/history/data/shard-facts.ts";

/** An object's key-value storage. */
function storage(kept: Readonly<Record<string, unknown>> = {}) {
  const values = new Map(Object.entries(kept));
  return {
    get: (key: string): unknown => values.get(key),
    put: (key: string, value: unknown): void => void values.set(key, value),
    values,
  };
}

describe("a shard knows its number and its cell", () => {
  it("from its name, and when an alarm wakes it without one", () => {
    for (const [name, cell] of [
      ["shard-3", "main"],
      ["us-3", "us"],
    ] as const) {
      const kv = storage();
      expect(new ShardFacts(kv, name)).toMatchObject({ shard: 3, cell });
      expect(new ShardFacts(kv, undefined)).toMatchObject({ shard: 3, cell, isFromBefore: false });
    }
  });

  it("though a release without cells has made it", () => {
    for (const kept of [{ shard: 7, format: 1 }, { shard: 7 }])
      expect(new ShardFacts(storage(kept), undefined)).toMatchObject({ shard: 7, cell: "main" });
  });

  it("and writes down no more than before where it is of main, so that such a release reads it", () => {
    const kv = storage();
    expect(new ShardFacts(kv, "shard-3").cell).toBe("main");
    expect([...kv.values.keys()].toSorted()).toEqual(["format", "shard"]);
  });

  it("or is none", () => {
    for (const name of [undefined, "main-3", "shard"])
      expect(() => new ShardFacts(storage(), name)).toThrow("by its name");
  });
});

describe("the format of a shard's rows", () => {
  it("is the newest from its beginning, and what it was in one that is there", () => {
    expect(new ShardFacts(storage(), "shard-3").format).toBe(LOG_FORMAT);
    expect(new ShardFacts(storage({ shard: 7, format: 1 }), undefined).format).toBe(1);
    expect(new ShardFacts(storage({ shard: 7 }), undefined).format).toBe(1);
    // A later release has raised it, and was rolled back.
    expect(new ShardFacts(storage({ shard: 7, format: 9 }), undefined).format).toBe(9);
  });

  it("is raised for good, never lowered, and to nothing that this release does not know", () => {
    const kv = storage({ shard: 7, format: 1 });
    const facts = new ShardFacts(kv, undefined);
    for (const odd of [LOG_FORMAT + 1, 0, 1.5, Number.NaN])
      expect(() => facts.raiseFormat(odd)).toThrow("knows");
    expect([facts.format, kv.get("format")]).toEqual([1, 1]);
    facts.raiseFormat(2);
    facts.raiseFormat(1);
    expect([facts.format, new ShardFacts(kv, undefined).format]).toEqual([2, 2]);
  });

  it("says no more, once raised, whether the shard is from before there was one: it still is", () => {
    const kv = storage({ shard: 7 });
    new ShardFacts(kv, undefined).raiseFormat(2);
    expect(new ShardFacts(kv, undefined)).toMatchObject({ format: 2, isFromBefore: true });
  });
});

describe("a kept mapping", () => {
  const mapping = { version: 1, shards: 16, buckets: 7 };

  it("without a map of buckets is main's: a release without cells has written it, whatever the object's name", () => {
    expect(readStoredMapping(storage({ mapping }), "main")).toEqual(mapping);
    expect(readStoredMapping(storage({ mapping }), "us")).toBeNull();
    expect(readStoredMapping(storage(), "main")).toBeNull();
  });
});
