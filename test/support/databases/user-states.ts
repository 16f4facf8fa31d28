import fc from "fast-check";
import type { Position } from "../../../src/history/biz/record.ts";
import { newUserState, type UserState } from "../../../src/history/biz/user-state.ts";

/** A state with the given differences from one in which nothing has happened. */
export function stateOf(more: Partial<UserState> = {}): UserState {
  return { ...newUserState("ada"), ...more };
}

/** Mostly one of few, so that states meet. */
const anyNumber = fc.oneof(
  { weight: 4, arbitrary: fc.nat(2) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_000_000_000_000 * 1024 }) },
);
const anyPosition: fc.Arbitrary<Position> = fc.record({ atMs: anyNumber, rev: anyNumber });
const anySettings = fc.oneof(
  fc.constant({ paused: false, pausedFromMs: null, pausedUntilMs: null, settingsRev: 0 }),
  fc.record({
    paused: fc.boolean(),
    pausedFromMs: fc.option(anyNumber),
    pausedUntilMs: fc.option(anyNumber),
    settingsRev: anyNumber.map((rev) => rev + 1),
  }),
);
const anyFloor = fc.oneof(
  fc.constant({ floor: null, floorRev: 0 }),
  fc.record({ floor: anyPosition, floorRev: anyNumber }),
);

/** Any state that a user can come to have. */
export const anyState: fc.Arbitrary<UserState> = fc
  .tuple(anySettings, anyFloor, fc.option(anyPosition), anyNumber)
  .map(([settings, floor, cleared, forgottenRev]) =>
    stateOf({ ...settings, ...floor, cleared, forgottenRev }),
  );
