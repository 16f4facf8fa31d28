import { codeOf } from "../../contracts/errors.ts";
import type { UserNews } from "../../contracts/realtime-rpc.ts";
import type { Clock } from "../../resilience/clock.ts";
import { STALE_MS, type Listeners, type Listening } from "./listeners.ts";
import type { TellComet } from "./ports.ts";
import { bothUntold, untoldRecords, untoldSince, untoldState, type Untold } from "./untold.ts";
import type { HistoryRecord } from "./record.ts";
import type { SocketSource } from "./incoming.ts";

interface NewsOutboxDeps {
  readonly listeners: Listeners;
  /** What is told of what has changed of a user; null: nothing. */
  readonly newsOf: (userId: string, untold: Untold) => UserNews | null;
  readonly tell: TellComet;
  readonly now: Clock;
  /** After a call that failed: when the next one is due may have changed. */
  readonly onFailed: () => void;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** Everything of a user, or that they are erased. */
type Telling = Untold | "erased";

/** What is to be told to one comet, in one call at a time: of two news the later comes later. */
interface Lane {
  readonly comet: string;
  readonly waiting: Map<Listening, Telling>;
  /** What the call in flight tells, and when who listens had joined then. */
  sending: ReadonlyMap<Listening, Sending> | null;
  /** Calls in a row that have failed. */
  failures: number;
  notBeforeMs: number;
}

interface Sending {
  readonly telling: Telling;
  readonly joinedAtMs: number;
  readonly version: number;
}

/** Changes that one call tells, some 350 KB of JSON; users beyond that wait for the next. */
const CHANGES_PER_CALL_MAX = 1_000;
/** Items that may wait, of all users; beyond that the comet asks for what has changed. */
const ITEMS_WAITING_MAX = 5_000;
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;
/** Some hour of retries: no clock that was ahead for a moment takes anybody away. */
const FAILURES_OF_GONE = 60;

/**
 * Tells comets what has changed for those who listen, after the commit and never in its way. While
 * a call is in flight, what changes is gathered. A call that fails goes out again, with what has
 * come since, by the alarm or with whoever comes next. All of it is in memory: what is pending when
 * the shard restarts is told again, and what is not pending any more before it is told is noted in
 * the table.
 */
export class NewsOutbox {
  readonly #deps: NewsOutboxDeps;
  readonly #lanes = new Map<string, Lane>();
  #itemsWaiting = 0;
  #isSoon = false;

  constructor(deps: NewsOutboxDeps) {
    this.#deps = deps;
  }

  /** After a restart: `untoldOf` is what may not have been told of a user; null: nothing. */
  resume(untoldOf: (userId: string) => Untold | null): void {
    for (const listening of this.#deps.listeners.all()) {
      const { userId, behindRev } = listening;
      const pending = untoldOf(userId);
      const behind = behindRev === null ? null : untoldSince(behindRev);
      const untold = pending === null || behind === null ? (pending ?? behind) : bothUntold(pending, behind);
      if (untold !== null) this.#add(listening, untold);
    }
  }

  isHeard(userId: string): boolean {
    return this.#deps.listeners.of(userId).length > 0;
  }

  /** Whether anybody is to be told of what a user reports from there. */
  isNews(userId: string, source?: SocketSource): boolean {
    const listenings = this.#deps.listeners.of(userId);
    return listenings.length > 0 && (source === undefined || !this.#isAlone(listenings, source));
  }

  /** Records of a user are durable, and shown. */
  records(userId: string, records: readonly HistoryRecord[], source?: SocketSource): void {
    if (records.length === 0 || !this.isNews(userId, source)) return;
    for (const listening of this.#deps.listeners.of(userId))
      this.#add(listening, untoldRecords(records, this.#soleSource(listening, source?.socket)));
  }

  /**
   * All up to this revision has been told, or is noted in the table; null: all there is. What is
   * being told now has not been.
   */
  toldRev(): number | null {
    let toldRev: number | null = null;
    for (const { waiting, sending } of this.#lanes.values()) {
      const tellings = [...waiting].concat(Array.from(sending ?? [], ([to, { telling }]) => [to, telling]));
      for (const [{ behindRev }, telling] of tellings)
        if (telling !== "erased" && behindRev === null)
          toldRev = Math.min(toldRev ?? telling.fromRev, telling.fromRev);
    }
    return toldRev;
  }

  /** A part of what holds for a user as a whole is durable, with this revision. */
  state(userId: string, rev: number): void {
    for (const listening of this.#deps.listeners.of(userId)) this.#add(listening, untoldState(rev));
  }

  /** A user is erased: whatever else was to be told of them isn't any more. */
  erased(userId: string): void {
    for (const listening of this.#deps.listeners.of(userId)) {
      this.#put(listening, "erased");
      this.#deps.listeners.remove(listening);
    }
  }

  /**
   * Something of a user will be pending no more: where it hasn't been told, no restart would know.
   * Before that, it is noted in the table.
   */
  beforeConfirmed(userIds: Iterable<string>): void {
    if (this.#lanes.size === 0) return;
    for (const userId of new Set(userIds))
      for (const listening of this.#deps.listeners.of(userId)) {
        const fromRev = this.#firstUntold(listening);
        if (fromRev !== null && listening.behindRev === null)
          this.#deps.listeners.noteBehind(listening, fromRev);
      }
  }

  /** Sends what is due. Costs nothing where there is nothing. */
  sendDue(): void {
    for (const lane of this.#lanes.values())
      try {
        this.#send(lane);
      } catch (error) {
        this.#deps.onBackgroundFailure("tell a comet", error);
      }
  }

  /** When the next call is to be made again, in ms; null where none is. */
  dueMs(): number | null {
    let dueMs: number | null = null;
    for (const { sending, failures, notBeforeMs } of this.#lanes.values())
      if (sending === null && failures > 0) dueMs = Math.min(dueMs ?? notBeforeMs, notBeforeMs);
    return dueMs;
  }

  /** The clock turns out to have been ahead. */
  clampTo(nowMs: number): void {
    for (const lane of this.#lanes.values())
      lane.notBeforeMs = Math.min(lane.notBeforeMs, nowMs + RETRY_MS_MAX);
  }

  /**
   * The socket, unless something from elsewhere is on its way to it: that comes after what it has
   * sent, and it would take it for newer.
   */
  #soleSource(listening: Listening, socket: string | undefined): string | undefined {
    const sending = this.#lanes.get(listening.comet)?.sending?.get(listening)?.telling;
    return sending === undefined || (sending !== "erased" && sending.source === socket) ? socket : undefined;
  }

  /**
   * Whether the socket that a report came from is the only one, and nothing is on its way to it.
   * Its comet may not have known yet of one that has joined since.
   */
  #isAlone(listenings: readonly Listening[], { others, version }: SocketSource): boolean {
    const [only, ...more] = listenings;
    if (others || only === undefined || more.length > 0) return false;
    return only.sockets <= 1 && only.version <= version && this.#firstUntold(only) === null;
  }

  #add(listening: Listening, untold: Untold): void {
    const known = this.#laneOf(listening.comet).waiting.get(listening);
    if (known === "erased") return;
    const both = known === undefined ? untold : bothUntold(known, untold);
    const more = sizeOf(both) - (known === undefined ? 0 : sizeOf(known));
    this.#put(listening, this.#itemsWaiting + more > ITEMS_WAITING_MAX ? untoldSince(both.fromRev) : both);
  }

  #put(listening: Listening, telling: Telling): void {
    const { waiting } = this.#laneOf(listening.comet);
    const known = waiting.get(listening);
    this.#itemsWaiting += sizeOf(telling) - (known === undefined ? 0 : sizeOf(known));
    waiting.set(listening, telling);
    this.#sendSoon();
  }

  #take(lane: Lane, listening: Listening): void {
    const known = lane.waiting.get(listening);
    if (known !== undefined) this.#itemsWaiting -= sizeOf(known);
    lane.waiting.delete(listening);
  }

  #laneOf(comet: string): Lane {
    let lane = this.#lanes.get(comet);
    if (lane === undefined) {
      lane = { comet, waiting: new Map(), sending: null, failures: 0, notBeforeMs: Number.NEGATIVE_INFINITY };
      this.#lanes.set(comet, lane);
    }
    return lane;
  }

  #firstUntold(listening: Listening): number | null {
    const lane = this.#lanes.get(listening.comet);
    const tellings = [lane?.waiting.get(listening), lane?.sending?.get(listening)?.telling];
    let first: number | null = null;
    for (const telling of tellings)
      if (telling !== undefined && telling !== "erased")
        first = Math.min(first ?? telling.fromRev, telling.fromRev);
    return first;
  }

  /** After the turn that commits: by then everything that it changes is in memory. */
  #sendSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    void Promise.resolve().then(() => {
      this.#isSoon = false;
      this.sendDue();
    });
  }

  #send(lane: Lane): void {
    if (lane.sending !== null || lane.notBeforeMs > this.#deps.now()) return;
    const { news, sending } = this.#gather(lane);
    if (news.length === 0) {
      this.#settled(lane, sending);
      if (lane.waiting.size === 0) this.#lanes.delete(lane.comet);
      return;
    }
    lane.sending = sending;
    this.#deps
      .tell(lane.comet, news)
      .then(
        (gone) => this.#told(lane, sending, new Set(gone)),
        (error: unknown) => this.#failed(lane, sending, error),
      )
      .catch((error: unknown) => this.#deps.onBackgroundFailure("tell a comet", error));
  }

  /** Those who wait longest, as many as one call tells; who has left meanwhile is told nothing. */
  #gather(lane: Lane): { readonly news: readonly UserNews[]; readonly sending: Map<Listening, Sending> } {
    const news: UserNews[] = [];
    const sending = new Map<Listening, Sending>();
    let changes = 0;
    for (const [listening, telling] of lane.waiting) {
      if (changes >= CHANGES_PER_CALL_MAX) break;
      this.#take(lane, listening);
      if (listening.hasLeft && telling !== "erased") continue;
      const { userId, joinedAtMs, version } = listening;
      sending.set(listening, { telling, joinedAtMs, version });
      const told = telling === "erased" ? { userId, erased: true as const } : this.#newsOf(userId, telling);
      if (told === null) continue;
      news.push(told);
      changes += "changes" in told ? told.changes.length : 1;
    }
    return { news, sending };
  }

  /** Where the storage can't say what there is to tell, the comet asks for it. */
  #newsOf(userId: string, untold: Untold): UserNews | null {
    try {
      return this.#deps.newsOf(userId, untold);
    } catch (error) {
      this.#deps.onBackgroundFailure("make news", error);
      return this.#deps.newsOf(userId, untoldSince(untold.fromRev));
    }
  }

  #told(lane: Lane, sending: ReadonlyMap<Listening, Sending>, gone: ReadonlySet<string>): void {
    lane.sending = null;
    lane.failures = 0;
    try {
      this.#noteTold(lane, sending, gone);
    } catch (error) {
      // It is told once more after a restart; whatever has come meanwhile waits for nothing.
      this.#deps.onBackgroundFailure("note what was told", error);
    }
    this.#send(lane);
  }

  #noteTold(lane: Lane, sending: ReadonlyMap<Listening, Sending>, gone: ReadonlySet<string>): void {
    for (const [listening, { joinedAtMs, version }] of sending) {
      // Whoever has joined since the call was sent is there.
      const hasJoined = listening.joinedAtMs !== joinedAtMs || listening.version !== version;
      if (!gone.has(listening.userId) || listening.hasLeft || hasJoined) continue;
      this.#deps.listeners.remove(listening);
      this.#take(lane, listening);
    }
    this.#settled(lane, sending);
  }

  /** What was told is not behind any more; what has come since is pending. */
  #settled(lane: Lane, sending: ReadonlyMap<Listening, Sending>): void {
    for (const listening of sending.keys()) {
      const left = lane.waiting.get(listening);
      if (listening.behindRev !== null && left !== "erased")
        this.#deps.listeners.noteBehind(listening, left?.fromRev ?? null);
    }
  }

  #failed(lane: Lane, sending: ReadonlyMap<Listening, Sending>, error: unknown): void {
    lane.sending = null;
    lane.failures += 1;
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (lane.failures - 1));
    lane.notBeforeMs = this.#deps.now() + pauseMs;
    // A comet of another release may not know one of these changes: all know what behind is.
    const isUnknown = codeOf(error) === "INVALID";
    // I47
    const staleMs = lane.failures > FAILURES_OF_GONE ? this.#deps.now() - STALE_MS : Number.NEGATIVE_INFINITY;
    for (const [listening, { telling }] of sending) {
      // No socket lives so long: nobody is there to be told.
      const isGone = listening.joinedAtMs < staleMs;
      if (telling === "erased" && !isGone) this.#put(listening, telling);
      else if (telling === "erased" || listening.hasLeft) continue;
      else if (isGone) this.#forget(listening);
      else this.#add(listening, isUnknown ? untoldSince(telling.fromRev) : telling);
    }
    this.#deps.onBackgroundFailure("tell a comet", error);
    this.#deps.onFailed();
  }

  /** Where that can't be written down, they are forgotten the next time. */
  #forget(listening: Listening): void {
    try {
      this.#deps.listeners.remove(listening);
    } catch (error) {
      this.#deps.onBackgroundFailure("forget who is gone", error);
    }
  }
}

function sizeOf(telling: Telling): number {
  return telling === "erased" ? 0 : (telling.items?.size ?? 0);
}
