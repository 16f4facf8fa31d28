import { describe, expect, it } from "vitest";
import { pacedHasher } from "../../../src/identity/biz/paced-hasher.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { letPass } from "../../support/let-pass.ts";

const HASH_MS = 100;

function paced() {
  const clock = new VirtualTime();
  const begun: number[] = [];
  const startMs = clock.now();
  const work = async <T>(value: T): Promise<T> => {
    begun.push(clock.now() - startMs);
    clock.block(HASH_MS);
    return value;
  };
  const hasher = pacedHasher({
    hasher: {
      hash: (password) => work(`hash of ${password}`),
      verify: (password, encoded) => work(encoded === `hash of ${password}`),
    },
    now: clock.now,
    sleep: clock.sleep,
  });
  return { clock, begun, hasher };
}

describe("hashes", () => {
  it("have a rest after each, as long as a hash takes, so that half of the time is left for others", async () => {
    const { clock, begun, hasher } = paced();
    const made = [hasher.hash("one"), hasher.verify("two", "hash of two"), hasher.verify("three", null)];
    await letPass(clock, 1_000);
    expect(await Promise.all(made)).toEqual(["hash of one", true, false]);
    const pauses = begun.slice(1).map((atMs, index) => atMs - (begun[index] ?? 0));
    expect(pauses.every((ms) => ms >= 2 * HASH_MS && ms <= 2 * HASH_MS + 40)).toBe(true);
  });

  it("wait for nothing when there was none for a while", async () => {
    const { clock, begun, hasher } = paced();
    void hasher.hash("one");
    await letPass(clock, 500);
    void hasher.hash("two");
    await letPass(clock, 200);
    expect(begun).toEqual([0, 500 + HASH_MS]);
  });
});
