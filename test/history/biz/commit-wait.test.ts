import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CommitWait } from "../../../src/history/biz/commit-wait.ts";

const T0 = 1_700_000_000_000;
const WAIT_MS_MAX = 250;

function waitOf(options: { readonly group?: number; readonly waitMsMax?: number } = {}) {
  return new CommitWait({ group: 20, waitMsMax: WAIT_MS_MAX, ...options });
}

/** Calls of as many clients, each of which is answered at once. What each may wait. */
function callsAt(
  wait: CommitWait,
  timesMs: readonly number[],
  clientOf: (index: number) => string = String,
): readonly number[] {
  return timesMs.map((ms, index) => {
    const waitMs = wait.arrived(T0 + ms, clientOf(index));
    wait.answered(clientOf(index));
    return waitMs;
  });
}

const every = (gapMs: number, fromMs: number, untilMs: number): readonly number[] =>
  Array.from({ length: Math.floor((untilMs - fromMs) / gapMs) }, (_, index) => fromMs + index * gapMs);

describe("a commit", () => {
  it("waits for nobody while fewer than two calls a second come", () => {
    expect(new Set(callsAt(waitOf(), every(520, 0, 60_000)))).toEqual(new Set([0]));
  });

  it("waits from two calls a second on, the longest there is", () => {
    expect(new Set(callsAt(waitOf(), every(480, 0, 60_000)).slice(2))).toEqual(new Set([WAIT_MS_MAX]));
  });

  it.each([
    [20, WAIT_MS_MAX],
    [100, 200],
    [200, 100],
    [1_000, 20],
  ])("waits for about 20 calls: at %i a second %i ms", (perSecond, ms) => {
    const waits = callsAt(waitOf(), every(1_000 / perSecond, 0, 10_000)).slice(-perSecond);
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThanOrEqual(ms);
      // The second in progress is looked at by tenths.
      expect(waitMs).toBeLessThanOrEqual(Math.min(WAIT_MS_MAX, (ms * 10) / 9 + 1));
    }
  });

  it("never waits where that is switched off", () => {
    expect(new Set(callsAt(waitOf({ waitMsMax: 0 }), every(5, 0, 3_000)))).toEqual(new Set([0]));
  });

  it.each([0, 30, 99])(
    "waits no sooner for one burst, within %i ms, however many calls it has",
    (lengthMs) => {
      const burst = every(1, 0, 100).map((ms) => (ms * lengthMs) / 100);
      expect(new Set(callsAt(waitOf(), burst))).toEqual(new Set([0]));
      // Nor do those who come after it, once a second.
      const wait = waitOf();
      callsAt(wait, burst);
      const after = [600, 1_300, 2_300, 3_300];
      expect(callsAt(wait, after, (index) => `later-${index}`)).toEqual([0, 0, 0, 0]);
    },
  );

  it("waits on through one burst, and for as many as come after it", () => {
    const wait = waitOf();
    callsAt(wait, every(100, 0, 5_000));
    const burst = callsAt(wait, every(0.5, 5_000, 5_050), (index) => `burst-${index}`);
    expect(Math.min(...burst)).toBeGreaterThan(150);
    expect(Math.min(...callsAt(wait, every(100, 5_100, 6_100)))).toBeGreaterThan(150);
    expect(new Set(callsAt(wait, every(100, 6_100, 7_000)))).toEqual(new Set([WAIT_MS_MAX]));
  });

  it("does not wait for clients who have no answer yet: nobody else has called within the last second", () => {
    const wait = waitOf();
    const clients = ["ada", "bob", "cleo"];
    const waits: number[] = [];
    for (let round = 0; round < 100; round += 1) {
      for (const [place, client] of clients.entries())
        waits.push(wait.arrived(T0 + round * 20 + place, client));
      for (const client of clients) wait.answered(client);
    }
    const last = Array.from({ length: 50 }, (_, round) => waits[(50 + round) * 3 + 2]);
    expect(new Set(last)).toEqual(new Set([0]));
    // Where one of them is missing the others wait for them.
    expect(Math.min(...waits.slice(-3, -1))).toBeGreaterThan(0);
  });

  it("keeps a distance of 50 ms between commits where all wait, for other calls of theirs, and none where these bring nobody", () => {
    const wait = waitOf();
    callsAt(wait, every(150, 0, 900), () => "ada");
    wait.committed(T0 + 900);
    expect(wait.arrived(T0 + 910, "ada")).toBe(40);
    expect(wait.arrived(T0 + 930, "ada")).toBe(20);
    expect(wait.arrived(T0 + 960, "ada")).toBe(0);
    for (let times = 0; times < 3; times += 1) wait.ended(T0 + 960, 0);
    wait.committed(T0 + 960);
    expect(wait.arrived(T0 + 970, "ada")).toBe(0);
  });

  it("does not wait for somebody who has gone, beyond a second", () => {
    const wait = waitOf();
    callsAt(wait, every(50, 0, 2_000), (index) => `${index % 2}`);
    expect(new Set(callsAt(wait, every(50, 2_000, 2_950), () => "0"))).toEqual(new Set([WAIT_MS_MAX]));
    expect(new Set(callsAt(wait, every(50, 3_000, 5_000), () => "0"))).toEqual(new Set([0]));
  });

  it("stops waiting for a while where the last waits have brought nobody, though others call evenly", () => {
    const wait = waitOf();
    const waits = every(450, 0, 60_000).map((ms, index) => {
      const waitMs = wait.arrived(T0 + ms, `client-${index}`);
      if (waitMs > 0) wait.ended(T0 + ms + waitMs, 0);
      wait.answered(`client-${index}`);
      return waitMs;
    });
    expect(waits.slice(0, 5)).toEqual([0, 0, WAIT_MS_MAX, WAIT_MS_MAX, WAIT_MS_MAX]);
    // Then one in some five looks whether that has changed.
    const share = waits.filter((ms) => ms > 0).length / waits.length;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.25);
    wait.ended(T0 + 59_800, 2);
    expect(wait.arrived(T0 + 59_850, "somebody")).toBe(WAIT_MS_MAX);
  });

  it("waits within its bounds, whatever the clock says and whoever is answered", () => {
    const step = fc.record({
      ms: fc.oneof(fc.nat(300), fc.integer({ min: -20_000, max: 20_000 }), fc.constant(2_592_000_000)),
      client: fc.constantFrom("ada", "bob", "cleo", "dan"),
      answers: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const wait = waitOf();
        const waiting: string[] = [];
        let nowMs = T0;
        for (const { ms, client, answers } of steps) {
          nowMs += ms;
          const waitMs = wait.arrived(nowMs, client);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(WAIT_MS_MAX);
          waiting.push(client);
          if (answers) for (const one of waiting.splice(0)) wait.answered(one);
        }
        for (const one of waiting.splice(0)) wait.answered(one);
        // Whatever was: whoever is alone from now on soon waits for nobody.
        const alone = every(400, 0, 24_000).map((ms) => {
          const waitMs = wait.arrived(nowMs + ms, "eve");
          wait.answered("eve");
          return waitMs;
        });
        expect(alone.at(-1)).toBe(0);
      }),
    );
  });

  it("remembers a bounded number of clients, and waits on among more", () => {
    const wait = waitOf();
    const waits = every(1, 0, 3_000).map((ms) => wait.arrived(T0 + ms, `client-${ms}`));
    // None of them has been answered.
    expect(new Set(waits)).toEqual(new Set([0]));
    const answered = callsAt(wait, every(1, 3_000, 6_000), (index) => `other-${index}`);
    expect(Math.min(...answered.slice(-1_000))).toBeGreaterThan(0);
  });
});
