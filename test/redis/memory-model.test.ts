import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBenchedRedis, type BenchedRedis } from "../../testbed/redis/benched-redis.ts";
import { measureMemory } from "../../testbed/redis/redis-memory.ts";
import { EMBEDDED_LENGTH_MAX, keyMemory } from "../../testbed/redis/redis-memory-model.ts";

const KEYS = 20_000;

let server: BenchedRedis;

beforeAll(async () => {
  server = await startBenchedRedis();
  // What a server allocates once, for its first client and its first many keys, is no key's.
  await measureMemory(server, 10, [KEYS]);
});
afterAll(() => server.stop());

describe("the model of a key's memory", () => {
  it.each([10, 20, EMBEDDED_LENGTH_MAX, EMBEDDED_LENGTH_MAX + 1, 50, 100, 200, 260, 1_000, 5_000])(
    "is what Redis says it takes, for %i bytes",
    async (valueLength) => {
      const [figure] = await measureMemory(server, valueLength, [KEYS]);
      expect(Math.abs((figure?.measured ?? 0) - (figure?.theory.total ?? 0))).toBeLessThan(2);
    },
  );

  it("has a step where a value doesn't fit beside its object any more", () => {
    const of = (valueLength: number): number => keyMemory({ keyLength: 16, valueLength, keys: KEYS }).value;
    expect([of(44), of(45)]).toEqual([64, 80]);
  });
});
