import { CodedError } from "../../contracts/errors.ts";
import type { PushMessage, RoomRpc } from "../../contracts/realtime-rpc.ts";
import { ROOM_RING_MAX, ROOM_RING_MS, type RoomPlace } from "../../contracts/realtime.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { MemberComets, MembersOfComet, RoomStore, Schedule, StoredRoom } from "./ports.ts";
import { RoomLanes } from "./room-lanes.ts";
import { RoomRing } from "./room-ring.ts";

interface RoomDeps {
  readonly store: RoomStore;
  readonly comets: MemberComets;
  /** Replaces the alarm that is set. */
  readonly setAlarm: (atMs: number) => void;
  /** A name that no life of the room has had before. */
  readonly newEpoch: () => string;
  readonly schedule: Schedule;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

type Answered<Method extends keyof RoomRpc> = Awaited<ReturnType<RoomRpc[Method]>>;

/** What a room that is in use has in memory. */
interface Open {
  readonly ring: RoomRing;
  readonly lanes: RoomLanes;
}

/** Messages that go out at once, and for how long others gather, in ms. */
const BATCH_MAX = 20;
const BATCH_MS = 100;
/** How old a comet's count may be where somebody asks, in ms. */
const COUNT_MS_MAX = 5_000;
/** How often comets are asked for their members where nobody pushes: one may have died, in ms. */
const CHECK_MS = 3_600_000;
/** More comets than there are. */
const COMETS_MAX = 10_000;
const OVERLOADED_RETRY_MS = 1_000;
/** Of a room where nobody is nor has been lately. */
const NOWHERE: RoomPlace = { epoch: "0", offset: 0 };

/**
 * A room: who is in it, in which comets, and its last messages. The first message after a pause
 * goes out at once; those that come within the next 100 ms are sent together.
 *
 * Where nobody is, and nobody has been for as long as messages are kept, nothing is stored, and a
 * push is over when it begins.
 */
export class Room {
  readonly #deps: RoomDeps;
  #open: Open | null;
  /** Calls off the end of the window in which messages are gathered; null where there is none. */
  #stopWindow: (() => void) | null = null;
  #gathered = 0;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
    const stored = deps.store.read();
    this.#open = stored === null ? null : this.#opened(stored);
  }

  /** See {@link RoomRpc.members}. Throws `OVERLOADED` where there are too many comets. */
  members(
    comet: string,
    count: number,
    since: RoomPlace | undefined,
    version = Number.POSITIVE_INFINITY,
  ): Answered<"members"> {
    if (this.#open === null && count === 0) return { place: NOWHERE, online: 0 };
    const { ring, lanes } = (this.#open ??= this.#begun());
    if (count > 0 && lanes.size >= COMETS_MAX && !lanes.has(comet))
      throw overloaded("the room is in too many comets");
    lanes.tell(comet, count, version);
    const missed = since === undefined ? {} : { missed: ring.since(since, this.#deps.now()) };
    return { place: ring.place, online: lanes.online, ...missed };
  }

  /** See {@link RoomRpc.push}. */
  async push(message: PushMessage): Promise<Answered<"push">> {
    if (this.#open === null) return { delivered: 0 };
    const { ring, lanes } = this.#open;
    if (lanes.waiting >= ROOM_RING_MAX) throw overloaded("the room has more messages than it can send");
    if (ring.isSpent) this.#renew(this.#open);
    const kept = ring.numbered(message, this.#deps.now());
    this.#deps.store.append(kept);
    ring.append(kept);
    // Whoever comes back may ask for it.
    if (lanes.size === 0) return { delivered: 0 };
    this.#gathered += 1;
    if (this.#stopWindow === null || this.#gathered >= BATCH_MAX) this.#flush();
    return { delivered: await lanes.delivered(kept.offset) };
  }

  async online(): Promise<number> {
    const lanes = this.#open?.lanes;
    await lanes?.recount(COUNT_MS_MAX);
    return lanes?.online ?? 0;
  }

  /** Forgets a room that has been left, and looks whether the others still have members. */
  async onAlarm(): Promise<void> {
    if (this.#open === null) return;
    const { lanes } = this.#open;
    if (lanes.size === 0) {
      this.#open = null;
      return this.#deps.store.empty();
    }
    await lanes.recount(0);
    if (lanes.size > 0) this.#deps.setAlarm(this.#deps.now() + CHECK_MS);
  }

  #opened({ epoch, messages, members }: StoredRoom): Open {
    const { comets, schedule, now, onFailure } = this.#deps;
    const ring = new RoomRing(epoch, messages);
    const lanesDeps = {
      ring,
      comets,
      onCount: (counted: MembersOfComet): void => this.#deps.store.setMembers(counted),
      onGone: (comet: string): void => this.#gone(comet),
      schedule,
      now,
      onFailure,
    };
    return { ring, lanes: new RoomLanes(lanesDeps, members) };
  }

  #begun(): Open {
    const epoch = this.#deps.newEpoch();
    this.#deps.store.begin(epoch);
    this.#deps.setAlarm(this.#deps.now() + CHECK_MS);
    return this.#opened({ epoch, messages: [], members: [] });
  }

  #renew({ ring, lanes }: Open): void {
    const epoch = this.#deps.newEpoch();
    this.#deps.store.renew(epoch);
    ring.renew(epoch);
    lanes.restart();
  }

  #gone(comet: string): void {
    this.#deps.store.forgetMembers(comet);
    if (this.#open?.lanes.size === 0) this.#deps.setAlarm(this.#deps.now() + ROOM_RING_MS);
  }

  /** Sends what has been gathered, and gathers anew: until nothing comes for a whole window. */
  #flush(): void {
    this.#gathered = 0;
    this.#stopWindow?.();
    this.#stopWindow = this.#deps.schedule(BATCH_MS, () => {
      this.#stopWindow = null;
      if (this.#gathered > 0) this.#flush();
    });
    this.#open?.lanes.flush();
  }
}

function overloaded(why: string): CodedError {
  return new CodedError("OVERLOADED", why, { retryAfterMs: OVERLOADED_RETRY_MS });
}
