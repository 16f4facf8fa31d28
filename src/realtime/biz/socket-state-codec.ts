import type { SocketState } from "./socket-state.ts";

/** Of what is written below. Another one is of a release that is gone, or of one to come. */
const VERSION = 1;

type Stored = readonly [
  version: typeof VERSION,
  id: string,
  door: SocketState["door"],
  isTcp: boolean,
  user: SocketState["user"],
  openedAtMs: number,
  isSignedIn: boolean,
  key: string,
  room: string | null,
  accepts: readonly number[],
  device: SocketState["device"],
  beatAtMs: number,
  toldReportMs: number,
  toldRev: number,
];

/**
 * The state as it is attached to its socket: its values without their names, as JSON in UTF-8. As a
 * text, one foreign letter in it would make two bytes of each.
 */
export function encodeState(state: SocketState): Uint8Array {
  const stored: Stored = [
    VERSION,
    state.id,
    state.door,
    state.isTcp,
    state.user,
    state.openedAtMs,
    state.isSignedIn,
    state.key,
    state.room,
    state.accepts,
    state.device,
    state.beatAtMs,
    state.toldReportMs,
    state.toldRev,
  ];
  return new TextEncoder().encode(JSON.stringify(stored));
}

/** The state that was attached; null where it is none, or of another version. */
export function decodeState(value: unknown): SocketState | null {
  const stored = value instanceof Uint8Array ? storedIn(value) : null;
  if (stored === null) return null;
  const [
    ,
    id,
    door,
    isTcp,
    user,
    openedAtMs,
    isSignedIn,
    key,
    room,
    accepts,
    device,
    beatAtMs,
    toldReportMs,
    toldRev,
  ] = stored;
  return {
    id,
    door,
    isTcp,
    user,
    openedAtMs,
    isSignedIn,
    key,
    room,
    accepts,
    device,
    beatAtMs,
    toldReportMs,
    toldRev,
  };
}

/** Whatever has our version is ours: nobody else can attach anything. */
function storedIn(bytes: Uint8Array): Stored | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(value) && value[0] === VERSION ? (value as unknown as Stored) : null;
  } catch {
    return null;
  }
}
