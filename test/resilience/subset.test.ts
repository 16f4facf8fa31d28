import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { subset } from "../../src/resilience/subset.ts";

const backendsOf = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** How many of the first `clients` clients have each backend. */
function connections(backends: number, clients: number, size: number): number[] {
  const counts = backendsOf(backends).map(() => 0);
  for (let client = 0; client < clients; client += 1) {
    for (const backend of subset(backendsOf(backends), client, size))
      counts[backend] = (counts[backend] ?? 0) + 1;
  }
  return counts;
}

describe("a subset", () => {
  it("is everything where there is no more than its size", () => {
    expect(subset(["a", "b"], 7, 2)).toEqual(["a", "b"]);
    expect(subset(["a", "b"], 7, 3)).toEqual(["a", "b"]);
    expect(subset([], 0, 1)).toEqual([]);
  });

  it("has its size, and no backend twice", () => {
    const sizes = fc.record({
      count: fc.integer({ min: 2, max: 60 }),
      size: fc.integer({ min: 1, max: 59 }),
      client: fc.nat(1_000),
    });
    fc.assert(
      fc.property(sizes, ({ count, size, client }) => {
        fc.pre(size < count);
        const chosen = subset(backendsOf(count), client, size);
        expect(chosen).toHaveLength(size);
        expect(new Set(chosen).size).toBe(size);
        expect(chosen.every((backend) => backend >= 0 && backend < count)).toBe(true);
        expect(subset(backendsOf(count), client, size)).toEqual(chosen);
      }),
    );
  });

  it("shares nothing with the others of its round", () => {
    const round = [0, 1, 2, 3].flatMap((client) => subset(backendsOf(12), client, 3));
    expect(new Set(round).size).toBe(12);
    const uneven = [0, 1, 2].flatMap((client) => subset(backendsOf(11), client, 3));
    expect(new Set(uneven).size).toBe(9);
  });

  it("gives every backend the same number of clients, give or take one", () => {
    const sizes = fc.record({
      count: fc.integer({ min: 2, max: 30 }),
      size: fc.integer({ min: 1, max: 29 }),
      clients: fc.nat(200),
    });
    fc.assert(
      fc.property(sizes, ({ count, size, clients }) => {
        fc.pre(size < count);
        const mean = (clients * size) / count;
        for (const has of connections(count, clients, size)) expect(Math.abs(has - mean)).toBeLessThan(2);
      }),
    );
  });

  it("gives exactly the same number after whole rounds that come out even", () => {
    expect(new Set(connections(12, 40, 3))).toEqual(new Set([10]));
  });

  it("leaves out each backend in its turn where a round doesn't come out even", () => {
    // Rounds of three clients with three of eleven each: two are left out.
    const leftOut = backendsOf(11).map((round) => {
      const dealt = new Set([0, 1, 2].flatMap((client) => subset(backendsOf(11), 3 * round + client, 3)));
      return backendsOf(11).filter((backend) => !dealt.has(backend));
    });
    expect(leftOut.slice(0, 6)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
      [8, 9],
      [0, 10],
    ]);
    expect(new Set(connections(11, 33, 3))).toEqual(new Set([9]));
  });

  it("is shuffled anew in each round, so that the same backends don't always fail together", () => {
    const firsts = new Set(
      backendsOf(20).map((round) => [...subset(backendsOf(12), 4 * round, 3)].sort((a, b) => a - b).join()),
    );
    expect(firsts.size).toBeGreaterThan(15);
    expect(subset(backendsOf(12), 0, 3)).not.toEqual([0, 1, 2]);
  });

  it("shuffles fairly: over many rounds each backend takes each place about as often", () => {
    const rounds = 2_000;
    const counts = new Map<string, number>();
    for (let round = 0; round < rounds; round += 1) {
      const order = [0, 1, 2, 3, 4].map((client) => subset(backendsOf(5), 5 * round + client, 1)[0]);
      order.forEach((backend, place) =>
        counts.set(`${backend}:${place}`, (counts.get(`${backend}:${place}`) ?? 0) + 1),
      );
    }
    expect(counts.size).toBe(25);
    for (const count of counts.values()) expect(Math.abs(count - rounds / 5)).toBeLessThan(rounds / 5 / 4);
  });

  it("stays the same over releases: clients keep their connections", () => {
    expect([0, 1, 2, 3].map((client) => subset(backendsOf(12), client, 3))).toMatchInlineSnapshot(`
      [
        [
          9,
          0,
          8,
        ],
        [
          5,
          1,
          2,
        ],
        [
          11,
          7,
          6,
        ],
        [
          3,
          10,
          4,
        ],
      ]
    `);
  });

  it("doesn't touch the list it is given", () => {
    const backends = Object.freeze(backendsOf(12));
    expect(() => subset(backends, 5, 3)).not.toThrow();
  });

  it("refuses numbers out of range, and takes those at their edges", () => {
    const ask =
      (clientId: number, size: number, count = 2) =>
      () =>
        subset(backendsOf(count), clientId, size);
    expect(ask(-1, 1)).toThrow(new RangeError("clientId must be an integer in [0, 1000000000], got -1"));
    expect(ask(1.5, 1)).toThrow(new RangeError("clientId must be an integer in [0, 1000000000], got 1.5"));
    expect(ask(1_000_000_001, 1)).toThrow(
      new RangeError("clientId must be an integer in [0, 1000000000], got 1000000001"),
    );
    expect(ask(0, 0)).toThrow(new RangeError("subsetSize must be an integer in [1, 10000], got 0"));
    expect(ask(0, 10_001)).toThrow(new RangeError("subsetSize must be an integer in [1, 10000], got 10001"));
    expect(ask(0, 1, 10_001)).toThrow(
      new RangeError("backends.length must be an integer in [0, 10000], got 10001"),
    );
    expect(ask(1_000_000_000, 10_000)).not.toThrow();
  });
});
