import { describe, expect, it } from "vitest";
import { codeOf, hintsOf } from "../../../src/contracts/errors.ts";
import { HashLane } from "../../../src/identity/biz/hash-lane.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { letPass } from "../../support/let-pass.ts";

const HASH_MS = 200;

/** A lane whose work takes as long as a hash, with all that was done in it. */
function laneWith({ patienceMs = Number.POSITIVE_INFINITY } = {}) {
  const clock = new VirtualTime();
  const kept: Promise<unknown>[] = [];
  const sleepers = { dropped: new Set<string>() };
  let asking = "";
  const lane = new HashLane({
    now: clock.now,
    // A request that the runtime has dropped never wakes up.
    sleep: async (ms) => {
      const owner = asking;
      await clock.sleep(ms);
      asking = owner;
      if (sleepers.dropped.has(owner)) await new Promise(() => undefined);
    },
    patienceMs: () => patienceMs,
    keep: (work) => void kept.push(work),
  });
  const done: string[] = [];
  const atWork = { now: 0, most: 0 };
  const hash = async (owner: string, ms = HASH_MS): Promise<string> => {
    atWork.most = Math.max(atWork.most, (atWork.now += 1));
    await clock.sleep(ms);
    atWork.now -= 1;
    done.push(owner);
    return "done";
  };
  const ask = (owner: string, ms?: number): Promise<string> => {
    asking = owner;
    return lane.run(owner, () => hash(owner, ms)).catch((error: unknown) => codeOf(error));
  };
  return { clock, lane, done, atWork, kept, sleepers, ask };
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe("the hash lane", () => {
  it("has two at work, lets sixteen wait, and refuses the rest at once: no failure of anybody's, and not to be tried again at once", async () => {
    const { clock, lane, atWork, ask } = laneWith();
    const asked = times(18, (index) => ask(`owner-${index}`));
    await letPass(clock, 0);
    const refused: unknown = await lane
      .run("one too many", async () => "done")
      .catch((error: unknown) => error);
    expect([codeOf(refused), hintsOf(refused)]).toEqual([
      "OVERLOADED",
      { retryAfterMs: expect.any(Number), mustNotRetry: true, failedBelow: true },
    ]);
    await letPass(clock, 2_500);
    expect(await Promise.all(asked)).toEqual(times(18, () => "done"));
    expect(atWork.most).toBe(2);
  });

  it("lets nobody wait for more than three seconds", async () => {
    const { clock, ask } = laneWith();
    const [one, other, waiting] = [ask("a", 5_000), ask("b", 5_000), ask("c")];
    await letPass(clock, 2_900);
    let outcome = "waits";
    void waiting.then((answer) => void (outcome = answer));
    await letPass(clock, 0);
    expect(outcome).toBe("waits");
    await letPass(clock, 200);
    expect(outcome).toBe("OVERLOADED");
    await letPass(clock, 2_000);
    expect(await Promise.all([one, other])).toEqual(["done", "done"]);
  });

  it("lets nobody wait for longer than they are waited for", async () => {
    const { clock, ask } = laneWith({ patienceMs: 500 });
    const [waiting] = [ask("a", 5_000), ask("b", 5_000), ask("c")].slice(2);
    await letPass(clock, 600);
    expect(await waiting).toBe("OVERLOADED");
  });

  it("does the work of owners with few before that of owners with many", async () => {
    const { clock, done, ask } = laneWith();
    const many = times(10, () => ask("many"));
    await letPass(clock, 20);
    const few = ["ada", "bob"].map((owner) => ask(owner));
    await letPass(clock, 2_500);
    await Promise.all([...many, ...few]);
    expect(done.slice(2, 4).toSorted()).toEqual(["ada", "bob"]);
  });

  it("keeps the order in which owners with as many have come", async () => {
    const { clock, done, ask } = laneWith();
    const asked = times(8, (index) => ask(`owner-${index}`));
    await letPass(clock, 1_500);
    await Promise.all(asked);
    expect(done).toEqual(times(8, (index) => `owner-${index}`));
  });

  it("that is full of one owner's takes in another's, and sends away the last of those", async () => {
    const { clock, ask } = laneWith();
    const flood = times(40, () => ask("flood"));
    await letPass(clock, 20);
    const others = times(4, (index) => ask(`other-${index}`));
    await letPass(clock, 3_000);
    expect(await Promise.all(others)).toEqual(times(4, () => "done"));
    const outcomes = await Promise.all(flood);
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(14);
    expect(outcomes.slice(0, 14)).toEqual(times(14, () => "done"));
  });

  it("passes by whoever waited and is gone, and gives their room to others", async () => {
    const { clock, sleepers, ask } = laneWith();
    const first = [ask("a", 500), ask("b", 500)];
    const gone = times(16, (index) => `gone-${index}`);
    for (const owner of gone) void ask(owner);
    await letPass(clock, 10);
    for (const owner of gone) sleepers.dropped.add(owner);
    await letPass(clock, 1_200);
    const late = times(16, (index) => ask(`late-${index}`));
    await letPass(clock, 2_500);
    expect(await Promise.all([...first, ...late])).toEqual(times(18, () => "done"));
  });

  it("has what is at work go on when nobody waits for it any more, and in the end takes back a place that is not given back", async () => {
    const { clock, lane, kept, ask } = laneWith();
    for (const owner of ["a", "b"]) void lane.run(owner, () => new Promise(() => undefined));
    await letPass(clock, 0);
    expect(kept).toHaveLength(2);
    await letPass(clock, 9_000);
    const late = ask("c");
    await letPass(clock, 1_500);
    expect(await late).toBe("done");
  });

  it("frees the place of work that failed, whose error is the caller's", async () => {
    const { clock, lane, ask } = laneWith();
    for (const owner of ["a", "b", "c"]) {
      const failing = lane
        .run(owner, () => Promise.reject(new TypeError("no")))
        .catch((error: unknown) => error);
      await letPass(clock, 0);
      expect(await failing).toBeInstanceOf(TypeError);
    }
    const next = ask("d");
    await letPass(clock, 250);
    expect(await next).toBe("done");
  });
});
