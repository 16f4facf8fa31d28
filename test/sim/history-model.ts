import { comparePositions, itemName, type HistoryRecord } from "../../src/history/biz/record.ts";

interface UserModel {
  readonly items: Map<string, HistoryRecord>;
  /** Grows with every durable report. */
  version: number;
  erasure: "none" | "begun" | "done";
}

/**
 * What must be true: of each item the (at, rev)-newest record that a shard has stamped and made durable. Times and revisions are taken from what
 * was written to the log, so the model is exact whatever the clocks say.
 */
export class HistoryModel {
  readonly #users = new Map<string, UserModel>();
  /** The latest durable record of each report, by its position, which is unique. A retry of a report may have been stamped twice. */
  readonly #reports = new Map<number, HistoryRecord>();

  user(userId: string): UserModel {
    let user = this.#users.get(userId);
    if (user === undefined) this.#users.set(userId, (user = { items: new Map(), version: 0, erasure: "none" }));
    return user;
  }

  /** A record has become durable in a shard's log. */
  persisted(record: HistoryRecord): void {
    const user = this.user(record.userId);
    const name = itemName(record);
    const known = user.items.get(name);
    if (known === undefined || comparePositions(record, known) > 0) user.items.set(name, record);
    user.version += 1;
    const twin = this.#reports.get(record.positionMs);
    if (twin === undefined || twin.rev < record.rev) this.#reports.set(record.positionMs, record);
  }

  /** The durable record of a report, if there is one. */
  reportAt(positionMs: number): HistoryRecord | undefined {
    return this.#reports.get(positionMs);
  }

  winner(record: { readonly userId: string; readonly kind: string; readonly itemId: string }): HistoryRecord | undefined {
    return this.user(record.userId).items.get(itemName(record));
  }

  newestFirst(userId: string): HistoryRecord[] {
    return [...this.user(userId).items.values()].sort((a, b) => comparePositions(b, a));
  }
}
