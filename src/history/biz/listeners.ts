import { CodedError } from "../../contracts/errors.ts";
import type { Listener } from "../../contracts/realtime-rpc.ts";
import { SOCKET_AGE_MS_MAX } from "../../contracts/realtime.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { ListenerRow, ListenerStore } from "./ports.ts";

/** A user who listens in a comet, as a shard has it in memory and in its table. */
export interface Listening {
  readonly userId: string;
  readonly comet: string;
  sockets: number;
  /** Of the last join or leave that counted. */
  version: number;
  joinedAtMs: number;
  /** What came after this revision may not have been told, says the table; null: it doesn't. */
  behindRev: number | null;
  /** Whether they listen no more: nothing is written of them again. */
  hasLeft: boolean;
}

interface ListenersDeps {
  readonly store: ListenerStore;
  readonly now: Clock;
}

/** As many as a comet has sockets. */
export const LISTENERS_MAX = 20_000;
/** Comets of one user: beyond one there are more only after the mapping has changed. */
const COMETS_PER_USER_MAX = 4;
/** No socket lives longer: whoever has joined before that has left, and nobody has said so. */
export const STALE_MS = SOCKET_AGE_MS_MAX + 3_600_000;
const FULL_RETRY_MS = 30_000;

const NOBODY: readonly Listening[] = [];

/**
 * Who listens to the history of a shard's users, and in which comets: a row for each in the shard's
 * own table, written when a socket comes or goes, so that a restart doesn't forget them. Calls of
 * comets may be late: a join always counts, a leave only where none has come after it.
 */
export class Listeners {
  readonly #deps: ListenersDeps;
  readonly #byUser = new Map<string, readonly Listening[]>();
  #count = 0;

  /** Reads the table. */
  constructor(deps: ListenersDeps) {
    this.#deps = deps;
    for (const row of deps.store.all()) this.#add({ ...row, hasLeft: false });
  }

  get count(): number {
    return this.#count;
  }

  /** Where a user listens. */
  of(userId: string): readonly Listening[] {
    return this.#byUser.get(userId) ?? NOBODY;
  }

  all(): readonly Listening[] {
    return [...this.#byUser.values()].flat();
  }

  /**
   * A user listens in a comet from now on. Throws `OVERLOADED` where more listen than a shard has
   * place for.
   */
  join(comet: string, { userId, sockets, version }: Listener): void {
    const joinedAtMs = this.#deps.now();
    const known = this.of(userId).find((listening) => listening.comet === comet);
    if (known !== undefined)
      // One that comes late says that they listen, and no more.
      return this.#change(known, version < known.version ? { joinedAtMs } : { sockets, version, joinedAtMs });
    if (this.#count >= LISTENERS_MAX) this.#dropStale();
    if (this.#count >= LISTENERS_MAX)
      throw new CodedError("OVERLOADED", "More listen to this shard than it has place for", {
        retryAfterMs: FULL_RETRY_MS,
      });
    const listening = { userId, comet, sockets, version, joinedAtMs, behindRev: null, hasLeft: false };
    this.#deps.store.put(rowOf(listening));
    this.#add(listening);
    const [oldest, ...others] = this.of(userId).toSorted((a, b) => a.joinedAtMs - b.joinedAtMs);
    if (oldest !== undefined && others.length >= COMETS_PER_USER_MAX) this.remove(oldest);
  }

  /** A user listens there no more, or with so many sockets, unless they have joined since. */
  leave(comet: string, { userId, sockets, version }: Listener): void {
    const known = this.of(userId).find((listening) => listening.comet === comet);
    if (known === undefined || version < known.version) return;
    if (sockets === 0) return this.remove(known);
    if (sockets !== known.sockets) this.#change(known, { sockets, version });
  }

  /** It turns out that nobody listens there. */
  remove(listening: Listening): void {
    this.#deps.store.remove(listening.userId, listening.comet);
    this.#forget(listening);
  }

  /** What came after this revision may not have been told; null: all has been. */
  noteBehind(listening: Listening, behindRev: number | null): void {
    if (listening.hasLeft || listening.behindRev === behindRev) return;
    this.#change(listening, { behindRev });
  }

  /** In the table first: what can't be written down is as if nobody had said it. */
  #change(listening: Listening, changed: Partial<ListenerRow>): void {
    this.#deps.store.put({ ...rowOf(listening), ...changed });
    Object.assign(listening, changed);
  }

  #add(listening: Listening): void {
    this.#byUser.set(listening.userId, [...this.of(listening.userId), listening]);
    this.#count += 1;
  }

  #forget(listening: Listening): void {
    const left = this.of(listening.userId).filter((other) => other !== listening);
    if (left.length === 0) this.#byUser.delete(listening.userId);
    else this.#byUser.set(listening.userId, left);
    listening.hasLeft = true;
    this.#count -= 1;
  }

  /**
   * Only where there is no room: a clock that is a month ahead for once would take everybody away
   * who is there.
   */
  #dropStale(): void {
    const beforeMs = this.#deps.now() - STALE_MS;
    const stale = this.all().filter(({ joinedAtMs }) => joinedAtMs < beforeMs);
    if (stale.length === 0) return;
    this.#deps.store.removeJoinedBefore(beforeMs);
    for (const listening of stale) this.#forget(listening);
  }
}

function rowOf({ userId, comet, sockets, version, joinedAtMs, behindRev }: Listening): ListenerRow {
  return { userId, comet, sockets, version, joinedAtMs, behindRev };
}
