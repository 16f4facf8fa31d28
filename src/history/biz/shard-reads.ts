import type { Entry, EntryPage, ItemKey, ListQuery } from "../../contracts/history.ts";
import type { Clock } from "../../resilience/clock.ts";
import { entryOf, itemName, type HistoryRecord } from "./record.ts";
import {
  decodeCursor,
  encodeCursor,
  pageOf,
  pageOfAll,
  UserView,
  type Page,
  type PageQuery,
} from "./user-view.ts";
import type { UserViews, ViewAnswer, ViewExtent } from "./user-views.ts";
import { isToContinue, type WatchRules } from "./watch-rules.ts";

interface ShardReadsDeps {
  readonly limits: { readonly readMs: number };
  readonly now: Clock;
  readonly views: UserViews;
  readonly rules: WatchRules;
  readonly log: {
    readonly unreadRows: number;
    isErased(userId: string): boolean;
  };
}

/** Kept back of a caller's time for the way back, in ms. */
const WAY_BACK_MS = 10;

/** How long a read waits for D1, in ms, where its caller has so much time left. */
export function patienceOf(readMs: number, remainingMs = Number.POSITIVE_INFINITY): number {
  return Math.min(readMs, Math.max(0, remainingMs - WAY_BACK_MS));
}

/** Until when a read waits for D1. */
interface Wait {
  readonly untilMs: number;
}

/**
 * What clients see of a user's entries. A read is told how much time its caller has left, without
 * end if absent, and answers within that what it has.
 */
export class ShardReads {
  readonly #deps: ShardReadsDeps;

  constructor(deps: ShardReadsDeps) {
    this.#deps = deps;
  }

  /** Newest first, after the cursor, of one kind or of all. */
  async list(userId: string, { limit, cursor, kind }: ListQuery, remainingMs?: number): Promise<EntryPage> {
    const query = {
      after: cursor === undefined ? null : decodeCursor(cursor),
      limit,
      accept: (record: HistoryRecord) => kind === undefined || record.kind === kind,
      wantsNext: true,
    };
    const { page, degraded } = await this.#page(userId, query, this.#wait(remainingMs));
    const { records, next } = page;
    return {
      items: records.map(this.#entryOf),
      ...(next === null ? {} : { nextCursor: encodeCursor(next) }),
      ...markOf(degraded),
    };
  }

  /** Started and not finished, newest first. */
  async continueWatching(userId: string, limit: number, remainingMs?: number): Promise<EntryPage> {
    const { rules } = this.#deps;
    const accept = (record: HistoryRecord): boolean => isToContinue(record, rules);
    const query = { after: null, limit, accept, wantsNext: false };
    const { page, degraded } = await this.#page(userId, query, this.#wait(remainingMs));
    return { items: page.records.map(this.#entryOf), ...markOf(degraded) };
  }

  /** Those of the items that the user has, in the order asked for, each once. */
  async lookup(userId: string, items: readonly ItemKey[], remainingMs?: number): Promise<EntryPage> {
    const names = [...new Set(items.map(itemName))];
    const wait = this.#wait(remainingMs);
    let { view, degraded } = await this.#read(userId, "head", wait);
    const isKnown = (name: string): boolean => {
      const record = view.get(name);
      return record !== undefined && view.isSureOf(record);
    };
    // Where the head is there the rest can be asked for, also when rows that can't be read mark
    // every answer as degraded.
    if (view.reach !== null && view.reach !== "all" && !names.every(isKnown))
      ({ view, degraded } = await this.#read(userId, "all", wait));
    const found = names.flatMap((name) => view.get(name) ?? []).filter(({ deleted }) => !deleted);
    return { items: found.map(this.#entryOf), ...markOf(degraded) };
  }

  readonly #entryOf = (record: HistoryRecord): Entry => entryOf(record, this.#deps.rules);

  /** A page of a user's entries: of their newest ones if those will do. */
  async #page(
    userId: string,
    query: PageQuery,
    wait: Wait,
  ): Promise<{ readonly page: Page; readonly degraded: boolean }> {
    const head = await this.#read(userId, "head", wait);
    const page = pageOf(head.view, query);
    if (page !== null) return { page, degraded: head.degraded };
    if (head.degraded && head.view.reach === null)
      return { page: pageOfAll(head.view, query), degraded: true };
    const whole = await this.#read(userId, "all", wait);
    return { page: pageOf(whole.view, query) ?? pageOfAll(whole.view, query), degraded: whole.degraded };
  }

  #wait(remainingMs: number | undefined): Wait {
    const { now, limits } = this.#deps;
    return { untilMs: now() + patienceOf(limits.readMs, remainingMs) };
  }

  /** A user's entries; of an erased user nothing is shown, though D1 may still be deleting. */
  async #read(userId: string, extent: ViewExtent, { untilMs }: Wait): Promise<ViewAnswer> {
    const { log, views, now } = this.#deps;
    if (log.isErased(userId)) return NOTHING;
    const { view, degraded } = await views.of(userId, extent, Math.max(0, untilMs - now()));
    // They may have been erased while D1 was asked. Rows that can't be read may say anything about
    // anybody.
    return log.isErased(userId) ? NOTHING : { view, degraded: degraded || log.unreadRows > 0 };
  }
}

const NOTHING: ViewAnswer = { view: emptyView(), degraded: false };

function emptyView(): UserView {
  const view = new UserView(1);
  view.reach = "all";
  return view;
}

function markOf(degraded: boolean): { degraded?: true } {
  return degraded ? { degraded: true } : {};
}
