import type { RoomMessage } from "../../contracts/realtime-rpc.ts";
import { REALTIME_OPS, type RoomPlace, type RoomPlaceBody } from "../../contracts/realtime.ts";
import type { Clock } from "../../resilience/clock.ts";
import { Bulkhead } from "../../resilience/overload/bulkhead.ts";
import type { Connection } from "./connection.ts";
import { Envelope } from "./envelope.ts";
import { isSamePlace, missedBy, oldestOf, type RoomAnswer } from "./missed-in-room.ts";
import { jsonPacket, packet } from "./packets.ts";
import type { BackgroundFailure, RoomsPort, Schedule } from "./ports.ts";

export interface RoomMembersDeps {
  readonly rooms: RoomsPort;
  readonly now: Clock;
  readonly schedule: Schedule;
  readonly onBackgroundFailure: BackgroundFailure;
}

/** How long changes of a room's members are gathered, in ms, where it has some before and after. */
export const MEMBERS_WAIT_MS = 4_000;
/** A room that can't be told is told again after so long, and for so long, in ms. */
const TELL_AGAIN_MS = 500;
const TELL_MS_MAX = 3_000;
/** How old a count of those online may be while somebody asks for it, in ms. */
const ONLINE_MS_MAX = 60_000;
/** Rooms that are told at once. */
const CALLS_MAX = 32;
const CALLS_WAITING_MAX = 100_000;
/** Messages kept back for those who have just come, while their room is asked. */
export const HELD_MAX = 256;

/** A room as far as this comet has members of it. */
interface Room {
  readonly name: string;
  readonly members: Set<Connection>;
  /** For how long its calls have failed, in ms, the pauses between them included; turns are not. */
  failedMs: number;
  /** Whether it knows for sure that it has members here. */
  knowsUs: boolean;
  /** How many members it knows of; null where that isn't sure. */
  toldCount: number | null;
  isBeingTold: boolean;
  /** It could not be told, and is told again in a moment. */
  isResting: boolean;
  /** Online in all, as it said last, and when it was asked. */
  online: number;
  askedAtMs: number;
  /** All after it comes to us; null where no such place is known. */
  place: RoomPlace | null;
  /** The last message that has come; null where that isn't known. */
  pushed: RoomPlace | null;
  /** Those who wait to be told where it is, each with where it has got to itself. */
  readonly waiting: Map<Connection, RoomPlace | null>;
  /** What came while somebody waits; null where that was too much, or of another epoch. */
  held: RoomMessage[] | null;
}

/**
 * Which sockets are in which room. A room is told of the first member and of the last one's leaving
 * at once, of what lies between within some seconds; one call of a room at a time, which says what
 * is so at that moment.
 */
export class RoomMembers {
  readonly #deps: RoomMembersDeps;
  readonly #calls = new Bulkhead({ maxConcurrent: CALLS_MAX, queueMax: CALLS_WAITING_MAX });
  readonly #rooms = new Map<string, Room>();
  #isTicking = false;

  constructor(deps: RoomMembersDeps) {
    this.#deps = deps;
  }

  /** A member that was there before the memory: the room knows of it. */
  restore(connection: Connection, name: string): void {
    const room = this.#roomOf(name);
    room.members.add(connection);
    room.toldCount = room.members.size;
    room.knowsUs = true;
  }

  enter(connection: Connection, name: string, since?: RoomPlace): void {
    const room = this.#roomOf(name);
    room.members.add(connection);
    if (connection.state.door === "own") {
      const { place } = room;
      if (place !== null && (since === undefined || isSamePlace(place, since)))
        sendPlace(connection, name, place);
      else room.waiting.set(connection, since ?? null);
    }
    this.#changed(room);
  }

  /** @param connection - whose state may not be that of a member any more */
  leave(connection: Connection, name: string): void {
    const room = this.#roomOf(name);
    // One that went while the memory was away was counted when the room was told last.
    if (!room.members.delete(connection)) room.toldCount = room.members.size + 1;
    room.waiting.delete(connection);
    // What the room says now may be said to nobody here.
    if (room.members.size === 0) room.place = room.pushed = null;
    this.#changed(room);
  }

  /** How many are in the room, as far as is known here. Somebody asks: soon it is known better. */
  online(name: string): number {
    const room = this.#rooms.get(name);
    if (room === undefined) return 0;
    const agoMs = this.#deps.now() - room.askedAtMs;
    // One that is to come was told by a clock that has been set back since.
    if ((agoMs >= ONLINE_MS_MAX || agoMs < 0) && !room.isBeingTold) {
      room.toldCount = null;
      this.#tickLater();
    }
    return Math.max(room.online, room.members.size);
  }

  /** Messages of a room go to all its members. Answers how many these are. */
  push(name: string, epoch: string, messages: readonly RoomMessage[]): number {
    const room = this.#rooms.get(name);
    if (room === undefined) return 0;
    const isNewEpoch = room.pushed?.epoch !== epoch;
    // What a call that was thought lost has brought comes twice.
    const fresh = messages.filter(({ offset }) => isNewEpoch || offset > (room.pushed?.offset ?? 0));
    const [first] = fresh;
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return room.members.size;
    const begin = isNewEpoch ? [placePacket(name, { epoch, offset: first.offset - 1 })] : [];
    const own = new Envelope([...begin, ...fresh.map(ownPacket)]);
    const goims = new Envelope(fresh.map(({ op, body }) => packet(op, 0, body)));
    hold(room, fresh, isNewEpoch);
    room.pushed = { epoch, offset: last.offset };
    // A call may come late: whoever has lost its memory knows by it where the room was, not is; and
    // the room may have said since where it is.
    const { place } = room;
    if (place !== null && (place.epoch !== epoch || place.offset < last.offset)) room.place = room.pushed;
    for (const member of room.members) {
      if (room.waiting.has(member)) continue;
      (member.state.door === "own" ? own : goims).sendTo(member);
    }
    return room.members.size;
  }

  #roomOf(name: string): Room {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    const room: Room = {
      name,
      members: new Set(),
      failedMs: 0,
      knowsUs: false,
      toldCount: 0,
      isBeingTold: false,
      isResting: false,
      online: 0,
      askedAtMs: Number.NEGATIVE_INFINITY,
      place: null,
      pushed: null,
      waiting: new Map(),
      held: [],
    };
    this.#rooms.set(name, room);
    return room;
  }

  #changed(room: Room): void {
    if (isUrgent(room)) void this.#tell(room);
    else if (room.toldCount !== room.members.size) this.#tickLater();
    else this.#forgetIfEmpty(room);
  }

  #tickLater(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#deps.schedule(MEMBERS_WAIT_MS, () => {
      this.#isTicking = false;
      for (const room of this.#rooms.values())
        if (room.toldCount !== room.members.size || room.waiting.size > 0) void this.#tell(room);
    });
  }

  async #tell(room: Room): Promise<void> {
    if (room.isBeingTold || room.isResting) return;
    room.isBeingTold = true;
    try {
      do {
        const asked = new Map(room.waiting);
        const since = oldestOf(asked.values());
        const answer = await this.#ask(room, since);
        this.#settle(room, asked, since, answer);
      } while (isUrgent(room));
      room.isBeingTold = false;
      this.#changed(room);
    } catch (error) {
      this.#deps.onBackgroundFailure("tell a room of its members", error);
      room.toldCount = null;
      if (room.failedMs >= TELL_MS_MAX) this.#giveUp(room);
      else this.#tellAgain(room);
      room.isBeingTold = false;
      this.#forgetIfEmpty(room);
    }
  }

  #tellAgain(room: Room): void {
    room.isResting = true;
    if (room.failedMs > 0) room.failedMs += TELL_AGAIN_MS;
    this.#deps.schedule(TELL_AGAIN_MS, () => {
      room.isResting = false;
      void this.#tell(room);
    });
  }

  /**
   * Those of whom it doesn't know hear nothing, and those who wait wait for nothing: let them come
   * back. A room finds out by itself who has gone. Whatever changes next is said of all.
   */
  #giveUp(room: Room): void {
    room.failedMs = 0;
    for (const member of room.members)
      if (!room.knowsUs || room.waiting.has(member)) member.close("restarting", "the room can't be reached");
  }

  async #ask(room: Room, since: RoomPlace | undefined): Promise<RoomAnswer> {
    await this.#calls.enter();
    const count = room.members.size;
    const askedAtMs = this.#deps.now();
    room.askedAtMs = askedAtMs;
    // From now on it may send us nothing: whoever comes in meanwhile has to ask where it is.
    if (count === 0) {
      room.knowsUs = false;
      room.place = room.pushed = null;
    }
    try {
      const answer = await this.#deps.rooms.members(room.name, count, since);
      room.failedMs = 0;
      room.toldCount = count;
      room.knowsUs = count > 0;
      room.online = answer.online;
      return answer;
    } catch (error) {
      room.failedMs += Math.max(1, this.#deps.now() - askedAtMs);
      throw error;
    } finally {
      this.#calls.leave();
    }
  }

  /** Whoever can be answered waits no more; who asked for more than is kept, once more. */
  #settle(
    room: Room,
    asked: ReadonlyMap<Connection, RoomPlace | null>,
    askedSince: RoomPlace | undefined,
    { place, missed }: RoomAnswer,
  ): void {
    const isOfEpoch = room.pushed === null || room.pushed.epoch === place.epoch;
    const held = isOfEpoch || room.held?.length === 0 ? room.held : null;
    const after = held?.filter(({ offset }) => offset > place.offset);
    for (const [connection, since] of asked) {
      // What has left meanwhile, or come anew, is not among those who asked.
      if (room.waiting.get(connection) !== since) continue;
      const verdict = after === undefined ? "lost" : missedBy(since, askedSince, place, missed);
      if (verdict === "ask again") continue;
      room.waiting.delete(connection);
      if (verdict === "lost") sendPlace(connection, room.name, room.place ?? place, true);
      else {
        const messages = [...verdict, ...(after ?? [])].map(ownPacket);
        new Envelope([placePacket(room.name, place), ...messages]).sendTo(connection);
      }
    }
    const { pushed } = room;
    const latest = isOfEpoch && pushed !== null && pushed.offset > place.offset ? pushed : place;
    const isLater = !isOfEpoch || (room.place?.offset ?? -1) < latest.offset;
    if (isLater && room.knowsUs) room.place = latest;
    if (room.waiting.size === 0) room.held = [];
  }

  #forgetIfEmpty(room: Room): void {
    const isQuiet = room.members.size === 0 && !room.isBeingTold && !room.isResting;
    if (isQuiet) this.#rooms.delete(room.name);
  }
}

/** Somebody waits for an answer, or the room doesn't know that it has members here, or none. */
function isUrgent({ toldCount, members, waiting }: Room): boolean {
  return waiting.size > 0 || (members.size === 0 ? toldCount !== 0 : toldCount === 0);
}

function hold(room: Room, messages: readonly RoomMessage[], isNewEpoch: boolean): void {
  if (room.waiting.size === 0 || room.held === null) return;
  const isTooMuch = room.held.length + messages.length > HELD_MAX;
  // The first that come of a room whose place isn't known yet are of the epoch it will answer, or
  // of an earlier one: then its offset tells.
  if (isTooMuch || (isNewEpoch && room.pushed !== null)) room.held = null;
  else room.held.push(...messages);
}

function ownPacket({ op, offset, body }: RoomMessage): Uint8Array {
  return packet(op, offset, body);
}

function placePacket(name: string, place: RoomPlace, isMissed = false): Uint8Array {
  const body: RoomPlaceBody = { room: name, ...place, ...(isMissed ? { missed: true } : {}) };
  return jsonPacket(REALTIME_OPS.roomPlace, 0, body);
}

function sendPlace(connection: Connection, name: string, place: RoomPlace, isMissed = false): void {
  connection.send(placePacket(name, place, isMissed));
}
