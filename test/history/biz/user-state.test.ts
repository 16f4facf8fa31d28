import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePositions, type Position } from "../../../src/history/biz/record.ts";
import {
  admits,
  isPausedAt,
  joinStates,
  newUserState,
  revOfState,
  type UserState,
} from "../../../src/history/biz/user-state.ts";
import { anyState, stateOf } from "../../support/databases/user-states.ts";

/**
 * States of one user, as a shard makes them one after the other: settings are what they are at
 * their revision, and what is farther cleared or trimmed was so later.
 */
const statesOfOne = fc.array(anyState, { minLength: 1, maxLength: 8 }).map((states) => {
  const settings = new Map(
    states.map(({ settingsRev, paused, pausedFromMs, pausedUntilMs }) => [
      settingsRev,
      { paused, pausedFromMs, pausedUntilMs },
    ]),
  );
  const places = states.flatMap(({ cleared, floor }) => [cleared ?? [], floor ?? []].flat());
  const order = (place: Position): number =>
    1 + places.filter((other) => comparePositions(other, place) < 0).length;
  return states.map((state): UserState => ({
    ...state,
    ...settings.get(state.settingsRev),
    cleared: state.cleared && { ...state.cleared, rev: order(state.cleared) },
    floorRev: state.floor === null ? 0 : order(state.floor),
  }));
});
const anyPlace = fc.record({ atMs: fc.nat(4), rev: fc.nat(4), deleted: fc.boolean() });

// I46
describe("copies of what holds for a user", () => {
  it("end as the same, in whatever order and however often they meet", () => {
    fc.assert(
      fc.property(statesOfOne, fc.integer({ min: 0, max: 8 }), (states, at) => {
        const joined = states.reduce(joinStates);
        const place = at % states.length;
        const turned = [...states.slice(place), ...states.slice(0, place)];
        expect(turned.reduce(joinStates)).toEqual(joined);
        expect(turned.toReversed().reduce(joinStates)).toEqual(joined);
        expect([...states, ...turned].reduce(joinStates)).toEqual(joined);
        // In two halves that meet at the end, as a shard's and a database's copy do.
        const halves = [states.slice(0, place), states.slice(place)].filter(({ length }) => length > 0);
        expect(halves.map((half) => half.reduce(joinStates)).reduce(joinStates)).toEqual(joined);
      }),
    );
  });

  it("only grow: what one of them rules out stays so, and none is older than before", () => {
    fc.assert(
      fc.property(statesOfOne, anyPlace, (states, record) => {
        const joined = states.reduce(joinStates);
        for (const state of states) {
          expect(revOfState(joined)).toBeGreaterThanOrEqual(revOfState(state));
          expect(joinStates(joined, state)).toEqual(joined);
        }
        const isRuledOut = states.some((state) => !admits(state, record));
        expect(admits(joined, record)).toBe(!isRuledOut);
      }),
    );
  });

  it("say nothing where nothing has happened, and nothing is taken from the other", () => {
    fc.assert(
      fc.property(anyState, (state) => {
        expect(joinStates(newUserState("ada"), state)).toEqual(joinStates(state, newUserState("ada")));
        expect(joinStates(state, newUserState("ada"))).toEqual(state);
      }),
    );
  });
});

describe("the newest change of a state", () => {
  it.each([
    ["of the settings", { settingsRev: 7 }],
    ["a clear", { cleared: { atMs: 1, rev: 7 } }],
    ["that a floor was found, not where it lies", { floor: { atMs: 1, rev: 3 }, floorRev: 7 }],
    ["that tombstones were forgotten", { forgottenRev: 7 }],
  ])("%s", (_what, part) => {
    expect(revOfState(stateOf(part))).toBe(7);
    expect(revOfState(stateOf())).toBe(0);
  });

  it("of a floor that was found twice is the later", () => {
    const once = stateOf({ floor: { atMs: 1, rev: 3 }, floorRev: 5 });
    const again = { ...once, floorRev: 9 };
    expect([joinStates(once, again), joinStates(again, once)]).toEqual([again, again]);
  });
});

describe("a record", () => {
  const cleared = stateOf({ cleared: { atMs: 5, rev: 50 } });
  const floored = stateOf({ floor: { atMs: 5, rev: 50 }, floorRev: 90 });

  it.each([
    ["before a clear, however late it comes", cleared, { atMs: 4, rev: 99 }, false],
    ["of the time of a clear that came before it", cleared, { atMs: 5, rev: 50 }, false],
    ["of the time of a clear that came after it", cleared, { atMs: 5, rev: 51 }, true],
    ["after a clear", cleared, { atMs: 6, rev: 51 }, true],
    ["beyond what is kept, though it was found later", floored, { atMs: 5, rev: 50 }, false],
    ["that is kept", floored, { atMs: 5, rev: 51 }, true],
    ["of whom nothing is said", null, { atMs: 0, rev: 0 }, true],
  ])("%s", (_what, state, position, isAdmitted) => {
    expect(admits(state, { ...position, deleted: false })).toBe(isAdmitted);
    expect(admits(state, { ...position, deleted: true })).toBe(isAdmitted);
  });

  it("is a tombstone that is forgotten up to its revision, and no entry is", () => {
    const state = stateOf({ forgottenRev: 50 });
    const at = (rev: number, deleted: boolean): boolean => admits(state, { atMs: 9, rev, deleted });
    expect([at(50, true), at(51, true), at(50, false)]).toEqual([false, true, true]);
  });
});

describe("a report", () => {
  const paused = stateOf({ paused: true, pausedFromMs: 100, settingsRev: 1 });
  const over = stateOf({ pausedFromMs: 100, pausedUntilMs: 200, settingsRev: 2 });

  it.each([
    ["while paused, of before the pause too", paused, 50, true],
    ["while paused, of now", paused, 150, true],
    ["afterwards, of before the pause", over, 99, false],
    ["afterwards, of the moment in which it began", over, 100, true],
    ["afterwards, of the pause", over, 199, true],
    ["afterwards, of the moment in which it ended", over, 200, false],
    ["where there was never a pause", stateOf(), 150, false],
    ["of a user of whom nothing is said", null, 150, false],
  ])("%s", (_what, state, atMs, isIgnored) => {
    expect(isPausedAt(state, atMs)).toBe(isIgnored);
  });
});
