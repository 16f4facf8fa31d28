import type { Principal } from "../../contracts/call-context.ts";
import { codeOf, type ErrorCode } from "../../contracts/errors.ts";
import type { ChangePage } from "../../contracts/history.ts";
import { revOf } from "../../contracts/realtime-rpc.ts";
import { REALTIME_OPS, type ChangedBody, type CloseReason } from "../../contracts/realtime.ts";
import { backoffMs } from "../../resilience/retry/retry-policy.ts";
import type { Connection } from "./connection.ts";
import { jsonPacket } from "./packets.ts";
import type { BackgroundFailure, Schedule } from "./ports.ts";

export interface CatchUpDeps {
  readonly join: (user: Principal, since: string | undefined) => Promise<ChangePage | null>;
  readonly schedule: Schedule;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onBackgroundFailure: BackgroundFailure;
}

/** Sockets of one user that are given what came after one place. */
interface Round {
  readonly user: Principal;
  readonly connections: ReadonlySet<Connection>;
  /** Up to where they have everything; undefined where that isn't known, nor asked for. */
  since: string | undefined;
  /** Live news or reports have come, or the shard says that it has not told everything. */
  isStale: boolean;
  /** Called once, when the user is known to listen; undefined from then on. */
  onJoined: (() => void) | undefined;
}

const ATTEMPTS_MAX = 4;
/** The attempt that asks for no page: a history that can't be read takes reports all the same. */
const PLAIN_ATTEMPT = 3;
/** Where that was answered: meanwhile the socket sends the reports that it has. */
const PATIENT_ATTEMPTS_MAX = 7;
const PATIENT_MS = 2_000;
const BACKOFF = { baseMs: 500, factor: 2, capMs: 2_000 };
/** More than any history has; whoever isn't through by then comes back and goes on from there. */
export const PAGES_MAX = 200;

/** What of an error a client can do something about; of the rest it can only come back. */
const REASONS: Partial<Record<ErrorCode, CloseReason>> = {
  UNAUTHENTICATED: "unauthenticated",
  FORBIDDEN: "unauthenticated",
  INVALID: "invalid",
};

/**
 * Gives sockets what they have missed, from the history itself.
 *
 * 1. While a socket is being caught up, live news of its user are not sent to it; it is asked again
 *    until none has come meanwhile. So it is told everything in order, and every cursor that it is
 *    sent is a place up to which it has everything.
 * 2. It is caught up or closed: nothing is asked without an end.
 * 3. Who listens may report, also while it can't be said what they have missed.
 */
export class CatchUp {
  readonly #deps: CatchUpDeps;
  readonly #rounds = new Map<Connection, Round>();

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
  }

  /** Begins for sockets of one user, none of which is being caught up. */
  start(
    user: Principal,
    connections: readonly Connection[],
    since: string | undefined,
    onJoined?: () => void,
  ): void {
    const round: Round = { user, connections: new Set(connections), since, isStale: false, onJoined };
    for (const connection of connections) this.#rounds.set(connection, round);
    void this.#run(round);
  }

  /**
   * News for this socket: whether they are kept from it, since it is being caught up (1).
   *
   * @param behind - the place that they begin after, where the shard has only said so much
   */
  holds(connection: Connection, behind?: string): boolean {
    const round = this.#rounds.get(connection);
    if (round === undefined) return false;
    round.isStale = true;
    round.since ??= behind;
    return true;
  }

  /** What this socket has reported is durable: a page on its way may say what was before that. */
  reported(connection: Connection): void {
    const round = this.#rounds.get(connection);
    if (round !== undefined) round.isStale = true;
  }

  async #run(round: Round): Promise<void> {
    try {
      await this.#catchUp(round);
    } catch (error) {
      this.#deps.onBackgroundFailure("catch a user up", error);
      this.#end(round);
      const reason = REASONS[codeOf(error)] ?? "restarting";
      for (const connection of round.connections) connection.close(reason, "the history could not be asked");
    }
  }

  #end({ connections }: Round): void {
    for (const connection of connections) this.#rounds.delete(connection);
  }

  async #catchUp(round: Round): Promise<void> {
    let isFirst = true;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      round.isStale = false;
      const page = await this.#ask(round);
      if (page !== null) {
        // The first is told even where it is empty: the client knows then that it has everything.
        if (isFirst || page.changes.length > 0 || page.resync === true) sendPage(round, page);
        round.since = page.cursor;
      }
      isFirst = false;
      const isDone = page?.more !== true && (!round.isStale || round.since === undefined);
      if (isDone || isDeserted(round)) {
        // In the same turn: what comes after it is live.
        this.#end(round);
        return;
      }
    }
    throw new Error(`a user's history changes faster than ${PAGES_MAX} pages tell it`);
  }

  /** One page. A socket that comes while the history is away for a moment need not come back. */
  async #ask(round: Round): Promise<ChangePage | null> {
    let isPatient = false;
    for (let attempt = 1; ; attempt += 1)
      try {
        // 3
        const isPlain = attempt === PLAIN_ATTEMPT && round.onJoined !== undefined;
        const page = await this.#deps.join(round.user, isPlain ? undefined : round.since);
        round.onJoined?.();
        round.onJoined = undefined;
        if (!isPlain || round.since === undefined || isDeserted(round)) return page;
        isPatient = true;
      } catch (error) {
        const attemptsMax = isPatient ? PATIENT_ATTEMPTS_MAX : ATTEMPTS_MAX;
        if (attempt >= attemptsMax || REASONS[codeOf(error)] !== undefined) throw error;
        await this.#sleep(isPatient ? PATIENT_MS : backoffMs(attempt, this.#deps.random(), BACKOFF));
      }
  }

  #sleep(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#deps.schedule(delayMs, resolve);
    return promise;
  }
}

function isDeserted({ connections }: Round): boolean {
  return [...connections].every(({ isClosed }) => isClosed);
}

function sendPage({ connections }: Round, { changes, cursor, more, resync }: ChangePage): void {
  const body: ChangedBody = { changes, cursor, ...(more ? { more: true } : {}) };
  const isAnew = resync === true;
  const bytes = jsonPacket(isAnew ? REALTIME_OPS.resync : REALTIME_OPS.changed, 0, body);
  for (const connection of connections) {
    // What it had before is gone, and so is its place.
    if (isAnew && !connection.isClosed) connection.save({ toldRev: 0 });
    connection.tellAgain(bytes, revOf(cursor));
  }
}
