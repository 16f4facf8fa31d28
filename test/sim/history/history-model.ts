import {
  comparePositions,
  itemName,
  type HistoryRecord,
  type Position,
} from "../../../src/history/biz/record.ts";

interface ItemModel {
  /** The newest record, with the duration that is known of the item. */
  record: HistoryRecord;
  /** The latest record that knew the duration. */
  durationFrom: Position | null;
  /** That record was not among the newest that are kept, once: the duration may be forgotten. */
  mayLackDuration: boolean;
}

interface UserModel {
  readonly items: Map<string, ItemModel>;
  /** Grows with every durable report. */
  version: number;
  erasure: "none" | "begun" | "done";
}

/**
 * What must be true: of each item the (at, rev)-newest record that a shard has stamped and made
 * durable, with the duration that any report on it knew: all of an item that know one know the
 * same. Times and revisions are taken from what was written to the log, so the model is exact
 * whatever the clocks say.
 */
export class HistoryModel {
  readonly #users = new Map<string, UserModel>();
  readonly #entriesPerUserMax: number;
  /**
   * The latest durable record of each report, by its position, which is unique. A retry of a report
   * may have been stamped twice.
   */
  readonly #reports = new Map<number, HistoryRecord>();

  constructor(entriesPerUserMax: number) {
    this.#entriesPerUserMax = entriesPerUserMax;
  }

  user(userId: string): UserModel {
    let user = this.#users.get(userId);
    if (user === undefined)
      this.#users.set(userId, (user = { items: new Map(), version: 0, erasure: "none" }));
    return user;
  }

  /** A record has become durable in a shard's log. */
  persisted(record: HistoryRecord): void {
    const user = this.user(record.userId);
    const name = itemName(record);
    const item = user.items.get(name) ?? { record, durationFrom: null, mayLackDuration: false };
    user.items.set(name, item);
    const durationMs = record.durationMs ?? item.record.durationMs;
    item.record = { ...(comparePositions(record, item.record) > 0 ? record : item.record), durationMs };
    if (
      record.durationMs !== null &&
      (item.durationFrom === null || comparePositions(record, item.durationFrom) > 0)
    ) {
      item.durationFrom = { atMs: record.atMs, rev: record.rev };
      item.mayLackDuration = false;
    }
    this.#forgetDurations(user);
    user.version += 1;
    const twin = this.#reports.get(record.positionMs);
    if (twin === undefined || twin.rev < record.rev) this.#reports.set(record.positionMs, record);
  }

  /** The durable record of a report, if there is one. */
  reportAt(positionMs: number): HistoryRecord | undefined {
    return this.#reports.get(positionMs);
  }

  winner(record: {
    readonly userId: string;
    readonly kind: string;
    readonly itemId: string;
  }): HistoryRecord | undefined {
    return this.item(record)?.record;
  }

  item(key: {
    readonly userId: string;
    readonly kind: string;
    readonly itemId: string;
  }): Readonly<ItemModel> | undefined {
    return this.user(key.userId).items.get(itemName(key));
  }

  newestFirst(userId: string): HistoryRecord[] {
    return Array.from(this.user(userId).items.values(), ({ record }) => record).sort((a, b) =>
      comparePositions(b, a),
    );
  }

  /** What retention may have deleted, or kept from being written at all, is known no longer. */
  #forgetDurations({ items }: UserModel): void {
    if (items.size <= this.#entriesPerUserMax) return;
    for (const item of items.values()) {
      const { durationFrom } = item;
      if (durationFrom === null || item.mayLackDuration) continue;
      let newer = 0;
      for (const other of items.values())
        if (other !== item && comparePositions(other.record, durationFrom) > 0) newer += 1;
      item.mayLackDuration = newer >= this.#entriesPerUserMax;
    }
  }
}
