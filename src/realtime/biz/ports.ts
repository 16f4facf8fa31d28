import type { ChangePage } from "../../contracts/history.ts";
import type {
  Listener,
  RoomMessage,
  RoomRpc,
  SocketReceipt,
  SocketReports,
} from "../../contracts/realtime-rpc.ts";
import type { CloseReason, RoomPlace } from "../../contracts/realtime.ts";
import type { Principal } from "../../contracts/call-context.ts";
import type { SocketState } from "./socket-state.ts";

/**
 * The sockets of a comet as the platform keeps them: they outlive its memory, and so does the state
 * that is attached to each.
 */
export interface CometSockets {
  /** All that are open, with the state attached to each. */
  all(): Iterable<CometSocket>;
}

/** One open socket. The same object for as long as the comet's memory lasts. */
export interface CometSocket {
  readonly id: string;
  /** Null where what is attached can't be read: it is of a release that is gone. */
  readonly state: SocketState | null;
  /** Attaches the state; throws where it is more than the platform holds. */
  save(state: SocketState): void;
  send(bytes: Uint8Array): void;
  close(reason: CloseReason, detail: string): void;
  /** When the platform answered this socket's text `ping` last, in ms; null: never. */
  pingedAtMs(): number | null;
}

/** History, as a comet asks it. Each method throws a catalogue error. */
export interface HistoryPort {
  join(
    user: Principal,
    order: { readonly sockets: number; readonly version: number; readonly since?: string },
  ): Promise<ChangePage | null>;
  leave(listeners: readonly Listener[]): Promise<void>;
  report(batch: readonly SocketReports[]): Promise<readonly SocketReceipt[]>;
}

/** A message as a room remembers it. */
export interface KeptMessage extends RoomMessage {
  readonly atMs: number;
}

/** How many members a comet has said that it has, and in which of its calls. */
export interface MembersOfComet {
  readonly comet: string;
  readonly count: number;
  readonly version: number;
}

/** What a room keeps: its epoch, the comets with members, its last messages, oldest first. */
export interface StoredRoom {
  readonly epoch: string;
  readonly members: readonly MembersOfComet[];
  readonly messages: readonly KeptMessage[];
}

/** The storage of one room's object. Each method is one write, there when it returns. */
export interface RoomStore {
  /** Null where nothing is kept: nobody has been here, or long ago. */
  read(): StoredRoom | null;
  /** From here on something is kept. */
  begin(epoch: string): void;
  setMembers(members: MembersOfComet): void;
  /** A comet has none any more. */
  forgetMembers(comet: string): void;
  append(message: KeptMessage): void;
  /** Nothing of the epoch before is kept. */
  renew(epoch: string): void;
  empty(): void;
}

/** Comets, as a room calls them: each call ends in bounded time. */
export interface MemberComets {
  /** Answers how many members there are. */
  push(comet: string, epoch: string, messages: readonly RoomMessage[]): Promise<number>;
}

/**
 * Calls one of many objects by its name, in bounded time. Throws a catalogue error; what changes
 * something is never made twice.
 */
export type CallObject<T> = <R>(
  name: string,
  what: string,
  kind: "read" | "write",
  call: (object: T) => Promise<R>,
) => Promise<R>;

/**
 * Runs `callback` once after `delayMs`, unless it is called off by what it answers. A timer keeps
 * the object awake, and its memory billed, so it is never long, and never left behind.
 */
export type Schedule = (delayMs: number, callback: () => void) => CallOff;
export type CallOff = () => void;

/** Rooms, as a comet asks them. */
export interface RoomsPort {
  /** See {@link RoomRpc.members}. */
  members(room: string, count: number, since?: RoomPlace): ReturnType<RoomRpc["members"]>;
}

/** Which of these sessions have ended. May be as old as the time given, in ms. */
export type EndedSessions = (sessionIds: readonly string[], maxAgeMs: number) => Promise<readonly string[]>;

/** The comet's alarm clock; it outlives the memory. */
export interface CometAlarm {
  /** Sets the one alarm, replacing an earlier setting. */
  set(atMs: number): void;
}

/** Tells of what goes wrong without anybody waiting for an answer. */
export type BackgroundFailure = (what: string, error: unknown) => void;
