import type { EntryPage, ItemKey, ListQuery } from "../../contracts/history.ts";
import type { Clock } from "../../resilience/clock.ts";
import { entryOf, isUnfinished, itemName } from "./record.ts";
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

interface ShardReadsDeps {
  readonly limits: { readonly readMs: number };
  readonly now: Clock;
  readonly views: UserViews;
  readonly log: {
    readonly unreadRows: number;
    isErased(userId: string): boolean;
  };
}

/** What clients see of a user's entries. */
export class ShardReads {
  readonly #deps: ShardReadsDeps;

  constructor(deps: ShardReadsDeps) {
    this.#deps = deps;
  }

  /** Newest first, after the cursor, of one kind or of all. */
  async list(userId: string, { limit, cursor, kind }: ListQuery): Promise<EntryPage> {
    const { page, degraded } = await this.#page(userId, {
      after: cursor === undefined ? null : decodeCursor(cursor),
      limit,
      accept: (record) => kind === undefined || record.kind === kind,
      wantsNext: true,
    });
    const { records, next } = page;
    return {
      items: records.map(entryOf),
      ...(next === null ? {} : { nextCursor: encodeCursor(next) }),
      ...markOf(degraded),
    };
  }

  /** Started and not finished, newest first. */
  async continueWatching(userId: string, limit: number): Promise<EntryPage> {
    const { page, degraded } = await this.#page(userId, {
      after: null,
      limit,
      accept: isUnfinished,
      wantsNext: false,
    });
    return { items: page.records.map(entryOf), ...markOf(degraded) };
  }

  /** Those of the items that the user has, in the order asked for, each once. */
  async lookup(userId: string, items: readonly ItemKey[]): Promise<EntryPage> {
    const names = [...new Set(items.map(itemName))];
    const startedMs = this.#deps.now();
    let { view, degraded } = await this.#read(userId, "head", startedMs);
    const isKnown = (name: string): boolean => {
      const record = view.get(name);
      return record !== undefined && view.isSureOf(record);
    };
    // Where the head is there the rest can be asked for, also when rows that can't be read mark
    // every answer as degraded.
    if (view.reach !== null && view.reach !== "all" && !names.every(isKnown))
      ({ view, degraded } = await this.#read(userId, "all", startedMs));
    const found = names.flatMap((name) => view.get(name) ?? []);
    return { items: found.map(entryOf), ...markOf(degraded) };
  }

  /** A page of a user's entries: of their newest ones if those will do. */
  async #page(
    userId: string,
    query: PageQuery,
  ): Promise<{ readonly page: Page; readonly degraded: boolean }> {
    const startedMs = this.#deps.now();
    const head = await this.#read(userId, "head", startedMs);
    const page = pageOf(head.view, query);
    if (page !== null) return { page, degraded: head.degraded };
    if (head.degraded && head.view.reach === null)
      return { page: pageOfAll(head.view, query), degraded: true };
    const whole = await this.#read(userId, "all", startedMs);
    return { page: pageOf(whole.view, query) ?? pageOfAll(whole.view, query), degraded: whole.degraded };
  }

  /** A user's entries; of an erased user nothing is shown, though D1 may still be deleting. */
  async #read(userId: string, extent: ViewExtent, startedMs: number): Promise<ViewAnswer> {
    const { log, views, now, limits } = this.#deps;
    if (log.isErased(userId)) return NOTHING;
    const { view, degraded } = await views.of(
      userId,
      extent,
      Math.min(limits.readMs, Math.max(0, startedMs + limits.readMs - now())),
    );
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
