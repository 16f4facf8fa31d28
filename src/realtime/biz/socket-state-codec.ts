import type { SocketState } from "./socket-state.ts";

/** Of what is written below. Another one is of a release that is gone, or of one to come. */
const VERSION = 1;
/** In the order in which they are stored, behind the version. */
const MEMBERS = [
  "id",
  "door",
  "isTcp",
  "user",
  "openedAtMs",
  "isSignedIn",
  "key",
  "room",
  "accepts",
  "device",
  "beatAtMs",
  "toldReportMs",
  "toldRev",
] as const satisfies readonly (keyof SocketState)[];
type Stored = Pick<SocketState, (typeof MEMBERS)[number]>;

/**
 * The state as it is attached to its socket: its values without their names, as JSON in UTF-8. As a
 * text, one foreign letter in it would make two bytes of each.
 */
export function encodeState(state: SocketState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([VERSION, ...MEMBERS.map((name) => state[name])]));
}

/** The state that was attached; null where it is none, or of another version. */
export function decodeState(value: unknown): SocketState | null {
  const values = value instanceof Uint8Array ? storedIn(value) : null;
  if (values === null) return null;
  const state: Stored = Object.fromEntries(
    MEMBERS.map((name, index) => [name, values[index]]),
  ) as unknown as Stored;
  return state;
}

/** Whatever has our version is ours: nobody else can attach anything. */
function storedIn(bytes: Uint8Array): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(value) && value[0] === VERSION ? value.slice(1) : null;
  } catch {
    return null;
  }
}
