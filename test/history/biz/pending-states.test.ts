import { describe, expect, it } from "vitest";
import { PendingStates, STATES_MAX } from "../../../src/history/biz/pending-states.ts";

const T0 = 1_700_000_000_000;
const WINDOW_MS = 300_000;
const MINUTE = 60_000;

const pendingStates = (): PendingStates => new PendingStates({ windowMs: WINDOW_MS });

describe("states that D1 has not confirmed", () => {
  it("are due a window after their first change, however often they change, and due no more when confirmed", () => {
    const states = pendingStates();
    expect([states.nextDueMs(), states.oldestMs(), states.count]).toEqual([null, null, 0]);
    states.put("ada", T0, false);
    states.put("bob", T0 + 5, false);
    states.put("ada", T0 + 100_000, false);
    expect([states.nextDueMs(), states.oldestMs(), states.count]).toEqual([T0 + WINDOW_MS, T0, 2]);
    states.confirm("ada", true, true);
    expect([states.nextDueMs(), states.oldestMs()]).toEqual([T0 + 5 + WINDOW_MS, T0 + 5]);
    states.drop("bob");
    expect([states.nextDueMs(), states.count, states.has("bob")]).toEqual([null, 0, false]);
  });

  it("become due sooner where one comes that waits for longer", () => {
    const states = pendingStates();
    states.put("ada", T0 + 100, false);
    expect(states.nextDueMs()).toBe(T0 + 100 + WINDOW_MS);
    states.put("bob", T0, false);
    expect(states.nextDueMs()).toBe(T0 + WINDOW_MS);
  });

  it("are leased where they wait for long enough, once, until their lease has run out", () => {
    const states = pendingStates();
    states.put("ada", T0, false);
    states.put("bob", T0 + 10, false);
    expect(states.lease(T0 + 9, T0 + WINDOW_MS)).toEqual(["ada"]);
    expect(states.nextDueMs()).toBe(T0 + 10 + WINDOW_MS);
    expect(states.lease(Number.POSITIVE_INFINITY, T0 + WINDOW_MS + 1)).toEqual(["bob"]);
    expect(states.nextDueMs()).toBe(T0 + WINDOW_MS + MINUTE);
    expect(states.lease(Number.POSITIVE_INFINITY, T0 + WINDOW_MS + MINUTE - 1)).toEqual([]);
    expect(states.lease(Number.POSITIVE_INFINITY, T0 + WINDOW_MS + MINUTE)).toEqual(["ada"]);
  });

  it("are leased twice as long each time, ten minutes at most, and a minute again once something is confirmed", () => {
    const states = pendingStates();
    states.put("ada", T0, false);
    let nowMs = T0;
    const leases: number[] = [];
    for (let time = 0; time < 6; time += 1) {
      states.lease(Number.POSITIVE_INFINITY, nowMs);
      const untilMs = states.nextDueMs() ?? 0;
      leases.push((untilMs - nowMs) / MINUTE);
      nowMs = untilMs;
    }
    expect(leases).toEqual([1, 2, 4, 8, 10, 10]);
    states.put("ada", nowMs, false);
    states.confirm("ada", false, true);
    states.lease(Number.POSITIVE_INFINITY, nowMs);
    expect(states.nextDueMs()).toBe(nowMs + MINUTE);
  });

  it("stay where they have changed since they were sent, and wait since that change", () => {
    const states = pendingStates();
    states.put("ada", T0, false);
    states.lease(T0, T0 + WINDOW_MS);
    states.put("ada", T0 + WINDOW_MS + 7, false);
    states.put("ada", T0 + WINDOW_MS + 9, false);
    states.confirm("ada", false, true);
    expect([states.oldestMs(), states.nextDueMs()]).toEqual([T0 + WINDOW_MS + 7, T0 + 2 * WINDOW_MS + 7]);
    expect(states.lease(Number.POSITIVE_INFINITY, T0 + WINDOW_MS + 10)).toEqual(["ada"]);
    states.confirm("ada", true, true);
    states.confirm("ada", true, true);
    expect(states.count).toBe(0);
  });

  it("are due at once where they could not be sent, and the lease did not count", () => {
    const states = pendingStates();
    states.put("ada", T0, false);
    const sent = states.lease(T0, T0 + WINDOW_MS);
    states.unlease([...sent, "nobody"]);
    states.unlease(sent);
    expect(states.nextDueMs()).toBe(T0 + WINDOW_MS);
    states.lease(T0, T0 + WINDOW_MS);
    expect(states.nextDueMs()).toBe(T0 + WINDOW_MS + MINUTE);
  });

  it("are sent at an operator's word unless that was done a moment ago for the first time", () => {
    const states = pendingStates();
    states.put("ada", T0, false);
    states.put("bob", T0 + 1, false);
    states.lease(T0, T0);
    states.lease(T0 + 1, T0 + MINUTE);
    states.endLongLeases(T0 + MINUTE + 1);
    expect(states.lease(Number.POSITIVE_INFINITY, T0 + MINUTE + 1)).toEqual(["ada"]);
  });

  it("wait for no future where the clock is set back", () => {
    const states = pendingStates();
    const aheadMs = T0 + 30 * 86_400_000;
    states.put("ada", aheadMs, false);
    states.put("bob", aheadMs - 1, false);
    states.lease(aheadMs - 1, aheadMs);
    states.put("bob", aheadMs, false);
    states.clampTo(T0);
    expect(states.oldestMs()).toBe(T0);
    expect(states.nextDueMs()).toBe(T0 + WINDOW_MS);
    expect(states.lease(Number.NEGATIVE_INFINITY, T0 + 600_000)).toEqual(["bob"]);
    states.confirm("bob", false, true);
    expect(states.nextDueMs()).toBe(T0 + WINDOW_MS);
  });

  it("are bounded: from half of that on they are in a hurry, unless all are with the job", () => {
    const states = pendingStates();
    const put = (user: number): void => states.put(`user-${user}`, T0, false);
    for (let user = 0; user < STATES_MAX / 2 - 1; user += 1) put(user);
    expect(states.isHurried).toBe(false);
    put(STATES_MAX);
    expect([states.isHurried, states.isFull]).toEqual([true, false]);
    const sent = states.lease(T0, T0);
    expect(states.isHurried).toBe(false);
    states.unlease(sent.slice(0, 1));
    expect(states.isHurried).toBe(true);
    states.drop(sent[0] ?? "");
    states.confirm(sent[1] ?? "", true, true);
    expect(states.isHurried).toBe(false);
    for (let user = 0; !states.isFull; user += 1) put(user);
    expect([states.count, states.isHurried]).toEqual([STATES_MAX, true]);
  });
});
