import { ProtobufError, ProtobufReader, ProtobufWriter } from "../../protocol/protobuf.ts";
import type { Position } from "../biz/record.ts";
import { newUserState, type UserState } from "../biz/user-state.ts";

/*
 * A user's state in protobuf, as rows of the log and the table of states have it. A number is its
 * field's for ever, and what is not known is left out.
 */
const STATE = {
  userId: 1,
  paused: 2,
  pausedFromMs: 3,
  pausedUntilMs: 4,
  settingsRev: 5,
  clearedAtMs: 6,
  clearedRev: 7,
  floorAtMs: 8,
  floorPositionRev: 9,
  floorRev: 10,
  forgottenRev: 11,
} as const;

export function encodeState(state: UserState): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter();
  writeState(writer, state);
  return writer.finish();
}

/** Writes a state as a message of its row. */
export function writeState(writer: ProtobufWriter, state: UserState): void {
  const { pausedFromMs, pausedUntilMs, cleared, floor } = state;
  writer.text(STATE.userId, state.userId);
  writer.uint(STATE.paused, state.paused ? 1 : 0);
  if (pausedFromMs !== null) writer.uint(STATE.pausedFromMs, pausedFromMs);
  if (pausedUntilMs !== null) writer.uint(STATE.pausedUntilMs, pausedUntilMs);
  writer.uint(STATE.settingsRev, state.settingsRev);
  if (cleared !== null) {
    writer.uint(STATE.clearedAtMs, cleared.atMs);
    writer.uint(STATE.clearedRev, cleared.rev);
  }
  if (floor !== null) {
    writer.uint(STATE.floorAtMs, floor.atMs);
    writer.uint(STATE.floorPositionRev, floor.rev);
  }
  writer.uint(STATE.floorRev, state.floorRev);
  writer.uint(STATE.forgottenRev, state.forgottenRev);
}

/** The state that {@link encodeState} was given. Throws `ProtobufError` for what is none. */
export function decodeState(bytes: Uint8Array): UserState {
  const reader = new ProtobufReader(bytes);
  let userId = "";
  const numbers = new Map<number, number>();
  while (reader.next()) {
    if (reader.field === STATE.userId) userId = reader.text();
    else if (KNOWN.has(reader.field)) numbers.set(reader.field, reader.uint());
  }
  if (userId === "") throw new ProtobufError("a user's state names no user");
  const numberAt = (field: number): number => numbers.get(field) ?? 0;
  const positionAt = (atField: number, revField: number): Position | null => {
    const atMs = numbers.get(atField);
    return atMs === undefined ? null : { atMs, rev: numberAt(revField) };
  };
  return {
    ...newUserState(userId),
    paused: numberAt(STATE.paused) === 1,
    pausedFromMs: numbers.get(STATE.pausedFromMs) ?? null,
    pausedUntilMs: numbers.get(STATE.pausedUntilMs) ?? null,
    settingsRev: numberAt(STATE.settingsRev),
    cleared: positionAt(STATE.clearedAtMs, STATE.clearedRev),
    floor: positionAt(STATE.floorAtMs, STATE.floorPositionRev),
    floorRev: numberAt(STATE.floorRev),
    forgottenRev: numberAt(STATE.forgottenRev),
  };
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(STATE));
