import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HashRing } from "../../../src/resilience/hash/hash-ring.ts";
import { murmur3 } from "../../../src/resilience/hash/murmur3.ts";

const nodesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index}`);
const KEYS = Array.from({ length: 10_000 }, (_, index) => `key-${index}`);
/** That of the ring: keys that are somewhere depend on it. */
const SEED = 0x2f6e2b1;
const UNBOUNDED = { loadFactor: Number.POSITIVE_INFINITY };

function countsOf(nodes: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(node, (counts.get(node) ?? 0) + 1);
  return counts;
}

describe("a hash ring", () => {
  it("gives a key always to the same node, in whatever order the nodes are given", () => {
    const ring = new HashRing(nodesOf(5));
    const other = new HashRing(nodesOf(5).toReversed());
    for (const key of KEYS) expect(other.nodeOf(key)).toBe(ring.nodeOf(key));
    expect(new HashRing(["only"]).nodeOf("any key")).toBe("only");
  });

  it("is the same in whatever order the nodes are given even where two of their points coincide", () => {
    const [a, b] = ["node-32769", "node-8032"] as const;
    expect(murmur3(`${a}#0`, SEED)).toBe(murmur3(`${b}#0`, SEED));
    for (const nodes of [
      [a, b],
      [b, a],
    ]) {
      expect(new HashRing(nodes, { pointsPerNode: 1 }).nodeOf("any key")).toBe(a);
    }
  });

  it("gives a key to the first point clockwise, and after the last point to the first", () => {
    const nodes = nodesOf(3);
    const points = nodes.flatMap((node) =>
      [0, 1].map((point) => ({ node, hash: murmur3(`${node}#${point}`, SEED) })),
    );
    const ring = new HashRing(nodes, { pointsPerNode: 2 });
    const first = points.reduce((a, b) => (a.hash < b.hash ? a : b));
    let wrapped = 0;
    for (const key of KEYS) {
      const after = points.filter(({ hash }) => hash >= murmur3(key, SEED)).sort((a, b) => a.hash - b.hash);
      if (after.length === 0) wrapped += 1;
      expect(ring.nodeOf(key)).toBe((after[0] ?? first).node);
    }
    expect(wrapped).toBeGreaterThan(0);
    // A key that hashes to a point exactly belongs to it.
    for (const { node } of points) expect(ring.nodeOf(`${node}#1`)).toBe(node);
  });

  it("moves only the keys of a node that is removed, at most 1.5 of n", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 24 }), fc.nat(), (count, which) => {
        const nodes = nodesOf(count);
        const removed = nodes[which % count];
        const before = new HashRing(nodes);
        const after = new HashRing(nodes.filter((node) => node !== removed));
        const stays = KEYS.filter((key) => before.nodeOf(key) !== removed);
        for (const key of stays) expect(after.nodeOf(key)).toBe(before.nodeOf(key));
        expect(stays.length).toBeLessThan(KEYS.length);
        expect(1 - stays.length / KEYS.length).toBeLessThanOrEqual(1.5 / count);
      }),
      { numRuns: 20 },
    );
  });

  it("spreads keys more evenly the more points its nodes have", () => {
    const worst = (pointsPerNode?: number): number => {
      const ring = new HashRing(nodesOf(10), pointsPerNode === undefined ? {} : { pointsPerNode });
      return Math.max(...countsOf(KEYS.map((key) => ring.nodeOf(key))).values()) / (KEYS.length / 10);
    };
    expect(worst()).toBeLessThan(1.25);
    expect(worst(1)).toBeGreaterThan(worst());
    expect(worst(160)).toBe(worst());
  });
});

describe("a hash ring with bounded loads", () => {
  it("gives a key to its own node while that has room", () => {
    const ring = new HashRing(nodesOf(4), UNBOUNDED);
    for (const key of KEYS.slice(0, 500)) expect(ring.acquire(key)).toBe(ring.nodeOf(key));
    const fresh = new HashRing(nodesOf(4));
    expect(fresh.acquire("a key")).toBe(fresh.nodeOf("a key"));
  });

  it("gives a node never more than a quarter over the average, even of a single key", () => {
    const ring = new HashRing(nodesOf(4));
    const given: string[] = [];
    for (let total = 1; total <= 400; total += 1) {
      given.push(ring.acquire("the same key"));
      expect(Math.max(...countsOf(given).values())).toBeLessThanOrEqual(Math.ceil((total / 4) * 1.25));
    }
    expect(countsOf(given).get(ring.nodeOf("the same key"))).toBe(125);
  });

  it("keeps to another factor", () => {
    const ring = new HashRing(nodesOf(4), { loadFactor: 2 });
    const given = Array.from({ length: 400 }, () => ring.acquire("the same key"));
    expect(Math.max(...countsOf(given).values())).toBe(200);
  });

  it("takes the next node clockwise where its own has no room, past the end of the ring too", () => {
    const names = nodesOf(5);
    const points = names
      .map((name) => ({ name, hash: murmur3(`${name}#0`, SEED) }))
      .sort((a, b) => a.hash - b.hash);
    const clockwise = points.map(({ name }) => name);
    for (const key of KEYS.slice(0, 50)) {
      const ring = new HashRing(names, { pointsPerNode: 1, loadFactor: 1.01 });
      const own = ring.nodeOf(key);
      const next = clockwise[(clockwise.indexOf(own) + 1) % 5];
      // At the second key the average is 0.4 of a node: nobody has room for two before the fifth.
      expect([ring.acquire(key), ring.acquire(key)]).toEqual([own, next]);
    }
  });

  it("has room again on a node whose keys are done", () => {
    const ring = new HashRing(nodesOf(3), { loadFactor: 1.01 });
    const own = ring.nodeOf("a key");
    expect(ring.acquire("a key")).toBe(own);
    expect(ring.acquire("a key")).not.toBe(own);
    ring.release(own);
    expect(ring.acquire("a key")).toBe(own);
  });

  it("counts no release of what it doesn't have", () => {
    const ring = new HashRing(nodesOf(3), { loadFactor: 1.01 });
    const own = ring.nodeOf("a key");
    for (let times = 0; times < 10; times += 1) {
      ring.release(own);
      ring.release("stranger");
    }
    expect(ring.acquire("a key")).toBe(own);
    expect(ring.acquire("a key")).not.toBe(own);
  });

  it("agrees with counting, whatever is taken and given back", () => {
    const step = fc.record({ key: fc.nat(20), release: fc.nat(12) });
    const runs = fc.record({
      count: fc.integer({ min: 1, max: 6 }),
      steps: fc.array(step, { maxLength: 100 }),
    });
    fc.assert(
      fc.property(runs, ({ count, steps }) => {
        const ring = new HashRing(nodesOf(count), { pointsPerNode: 8 });
        const loads = new Map(nodesOf(count).map((node) => [node, 0]));
        let total = 0;
        for (const { key, release } of steps) {
          const freed = `node-${release}`;
          const load = loads.get(freed) ?? 0;
          ring.release(freed);
          if (load > 0) {
            loads.set(freed, load - 1);
            total -= 1;
          }
          total += 1;
          const capacity = Math.ceil((total / count) * 1.25);
          const own = ring.nodeOf(`${key}`);
          const hasRoom = (loads.get(own) ?? 0) < capacity;
          const node = ring.acquire(`${key}`);
          expect(node === own).toBe(hasRoom);
          expect(loads.get(node)).toBeLessThan(capacity);
          loads.set(node, (loads.get(node) ?? 0) + 1);
        }
      }),
    );
  });

  it("refuses options out of range, and takes those at their edges", () => {
    const make =
      (nodes: readonly string[], options: ConstructorParameters<typeof HashRing>[1] = {}) =>
      () =>
        new HashRing(nodes, options);
    expect(make([])).toThrow(new RangeError("nodes.length must be an integer in [1, 4096], got 0"));
    expect(make(nodesOf(4_097))).toThrow(
      new RangeError("nodes.length must be an integer in [1, 4096], got 4097"),
    );
    expect(make(["a", "b", "a"])).toThrow(new RangeError("nodes must be different from each other"));
    expect(make(["a"], { pointsPerNode: 0 })).toThrow(
      new RangeError("pointsPerNode must be an integer in [1, 1000], got 0"),
    );
    expect(make(["a"], { pointsPerNode: 1_001 })).toThrow(
      new RangeError("pointsPerNode must be an integer in [1, 1000], got 1001"),
    );
    expect(make(["a"], { loadFactor: 1 })).toThrow(new RangeError("loadFactor must be in (1, ∞], got 1"));
    expect(make(["a"], { loadFactor: Number.NaN })).toThrow(
      new RangeError("loadFactor must be in (1, ∞], got NaN"),
    );
    expect(make(["a"], { pointsPerNode: 1_000, loadFactor: 1.001 })).not.toThrow();
    expect(make(nodesOf(4_096), { pointsPerNode: 1 })).not.toThrow();
  });
});
