import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import type { MemberComets, MembersOfComet, Schedule } from "./ports.ts";
import type { RoomRing } from "./room-ring.ts";

interface RoomLanesDeps {
  readonly ring: RoomRing;
  readonly comets: MemberComets;
  /** Writes it down; where that throws it is as if nobody had said it. */
  readonly onCount: (members: MembersOfComet) => void;
  /** A comet has no members any more. */
  readonly onGone: (comet: string) => void;
  readonly onFailure: (what: string, error: unknown) => void;
  readonly schedule: Schedule;
  readonly now: Clock;
}

/** The way to one comet with members. */
interface Lane {
  readonly comet: string;
  count: number;
  /** The last message that it has, or will never have. */
  sentThrough: number;
  /** How often, and when last, it has told by itself how many members it has. */
  told: number;
  toldAtMs: number;
  toldVersion: number;
  /** When its count was last heard, whoever spoke first. */
  heardAtMs: number;
  /** Calls that have failed since one has not. */
  failures: number;
  /** Waiting for its turn, or being called. */
  isBusy: boolean;
  /** Called for longer than others wait. */
  isLate: boolean;
  wantsCount: boolean;
  /** Calls off the next try after a failure; null where none is planned. */
  stopRetry: (() => void) | null;
  /** Who waits for its count. */
  asked: PromiseWithResolvers<void> | null;
}

interface Waiting {
  readonly offset: number;
  readonly resolve: (delivered: number) => void;
}

/** Comets called at once. */
const CALLS_MAX = 64;
/** Calls of a comet that fail before it is given up: until then its messages are sent again. */
const TRIES_MAX = 3;
const RETRY_MS = 500;
/** Longer than this nobody waits for another comet, in ms. */
const LATE_MS = 500;
/**
 * For so long after a comet has told its count it is believed before an answer with a lower one:
 * who has just come in may not be counted there yet.
 */
const BELIEVED_MS = 5_000;

/**
 * Brings a room's messages to the comets with members, to each in order, one call at a time and all
 * that it lacks in one. A comet that is late or fails has its messages sent again some times, and
 * nobody waits for it; what has left the ring by then it doesn't get, and clients see that by the
 * offset that is missing.
 *
 * What a comet answers corrects its count, unless it has told another since the call.
 */
export class RoomLanes {
  readonly #deps: RoomLanesDeps;
  readonly #time = new SteadyTime(BELIEVED_MS);
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that wait for a call. */
  readonly #queue: Lane[] = [];
  /** Pushes that wait, in the order of offsets. */
  #waiting: Waiting[] = [];
  #calls = 0;
  /** The last message that may be sent: later ones are still being gathered. */
  #through: number;

  constructor(deps: RoomLanesDeps, members: readonly MembersOfComet[]) {
    this.#deps = deps;
    this.#through = deps.ring.place.offset;
    // Whoever has died between taking a message and sending it has answered nobody.
    for (const { comet, count, version } of members)
      this.#lanes.set(comet, this.#laneOf(comet, count, version));
  }

  get size(): number {
    return this.#lanes.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Members of all comets that can be reached. */
  get online(): number {
    let online = 0;
    for (const { count, failures } of this.#lanes.values()) if (failures < TRIES_MAX) online += count;
    return online;
  }

  has(comet: string): boolean {
    return this.#lanes.has(comet);
  }

  /** A comet tells how many members it has. */
  tell(comet: string, count: number, version: number): void {
    const known = this.#lanes.get(comet);
    // A call that comes late must not take away who has come since.
    if (known !== undefined && count < known.count && version < known.toldVersion) return;
    if (count === 0) return void (known !== undefined && this.#forget(known));
    const lane = known ?? this.#laneOf(comet, 0, version);
    this.#setCount(lane, count, version);
    this.#lanes.set(comet, lane);
    const nowMs = this.#nowMs();
    lane.told += 1;
    lane.toldAtMs = nowMs;
    lane.toldVersion = version;
    lane.heardAtMs = nowMs;
    // It is there: what it lacks need not wait.
    lane.failures = 0;
    this.#wake(lane);
  }

  /** Sends all that has been gathered. */
  flush(): void {
    this.#through = this.#deps.ring.place.offset;
    for (const lane of this.#lanes.values()) this.#wake(lane);
    this.#answer();
  }

  /** How many members of those comets that are well have the message, once all of these have it. */
  delivered(offset: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push({ offset, resolve });
      this.#answer();
    });
  }

  /** Asks comets for their count that haven't told it for so long. */
  async recount(maxAgeMs: number): Promise<void> {
    const nowMs = this.#nowMs();
    const asked = [...this.#lanes.values()]
      .filter(({ heardAtMs }) => heardAtMs <= nowMs - maxAgeMs)
      .map((lane) => {
        lane.wantsCount = true;
        const { promise } = (lane.asked ??= Promise.withResolvers());
        this.#wake(lane);
        return promise;
      });
    await Promise.all(asked);
  }

  /** The ring has begun anew: nobody waits for what was in it. */
  restart(): void {
    for (const { offset, resolve } of this.#waiting.splice(0)) resolve(this.#having(offset));
    this.#through = 0;
    for (const lane of this.#lanes.values()) lane.sentThrough = 0;
  }

  #laneOf(comet: string, count: number, toldVersion: number): Lane {
    const { offset } = this.#deps.ring.place;
    return {
      comet,
      count,
      sentThrough: offset,
      told: 0,
      toldAtMs: Number.NEGATIVE_INFINITY,
      toldVersion,
      heardAtMs: Number.NEGATIVE_INFINITY,
      failures: 0,
      isBusy: false,
      isLate: false,
      wantsCount: false,
      stopRetry: null,
      asked: null,
    };
  }

  #setCount(lane: Lane, count: number, version = lane.toldVersion): void {
    if (lane.count === count) return;
    this.#deps.onCount({ comet: lane.comet, count, version });
    lane.count = count;
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }

  #forget(lane: Lane): void {
    this.#lanes.delete(lane.comet);
    lane.stopRetry?.();
    lane.asked?.resolve();
    this.#deps.onGone(lane.comet);
    this.#answer();
  }

  #isThere(lane: Lane): boolean {
    return this.#lanes.get(lane.comet) === lane;
  }

  #wake(lane: Lane): void {
    const hasWork = lane.sentThrough < this.#through || lane.wantsCount;
    if (!hasWork || lane.isBusy || !this.#isThere(lane)) return;
    lane.stopRetry?.();
    lane.stopRetry = null;
    lane.isBusy = true;
    this.#queue.push(lane);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#calls < CALLS_MAX) {
      const lane = this.#queue.shift();
      if (lane === undefined) return;
      this.#calls += 1;
      void this.#serve(lane);
    }
  }

  /** One call of a comet, with all that it lacks. */
  async #serve(lane: Lane): Promise<void> {
    const { ring, comets, schedule, onFailure } = this.#deps;
    const { epoch } = ring.place;
    const { told, asked, sentThrough } = lane;
    const through = this.#through;
    lane.wantsCount = false;
    lane.asked = null;
    const stopWatch = schedule(LATE_MS, () => {
      lane.isLate = true;
      asked?.resolve();
      this.#answer();
    });
    try {
      const count = await comets.push(lane.comet, epoch, ring.between(sentThrough, through));
      lane.failures = 0;
      if (epoch === ring.place.epoch) lane.sentThrough = through;
      if (told === lane.told && this.#isThere(lane)) this.#correct(lane, count);
    } catch (error) {
      // Of a comet that stays away one line is enough.
      if (lane.failures === 0) onFailure(`push to the members in ${lane.comet}`, error);
      this.#failed(lane, epoch, through);
    } finally {
      stopWatch();
      asked?.resolve();
      lane.isLate = false;
      lane.isBusy = false;
      this.#calls -= 1;
      if (lane.stopRetry === null) this.#wake(lane);
      this.#answer();
      this.#startNext();
    }
  }

  #correct(lane: Lane, count: number): void {
    const nowMs = this.#nowMs();
    if (count < lane.count && nowMs - lane.toldAtMs < BELIEVED_MS) return;
    lane.heardAtMs = nowMs;
    if (count === 0) this.#forget(lane);
    else this.#setCount(lane, count);
  }

  #failed(lane: Lane, epoch: string, through: number): void {
    lane.failures += 1;
    if (!this.#isThere(lane)) return;
    if (lane.failures < TRIES_MAX) {
      lane.stopRetry = this.#deps.schedule(RETRY_MS * lane.failures, () => {
        lane.stopRetry = null;
        this.#wake(lane);
      });
    } else if (epoch === this.#deps.ring.place.epoch) lane.sentThrough = through;
  }

  /** Answers the pushes for which all comets that are well have been reached. */
  #answer(): void {
    let through = this.#through;
    for (const { sentThrough, failures, isLate } of this.#lanes.values())
      if (failures === 0 && !isLate && sentThrough < through) through = sentThrough;
    const later = this.#waiting.findIndex(({ offset }) => offset > through);
    const done = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later);
    for (const { offset, resolve } of done) resolve(this.#having(offset));
  }

  #having(offset: number): number {
    let having = 0;
    for (const { count, sentThrough, failures } of this.#lanes.values())
      if (failures === 0 && sentThrough >= offset) having += count;
    return having;
  }
}
