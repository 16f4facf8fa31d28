/** As much of a ledger's event as is used here (docs/events.md has all of it). */
export interface ChangeEvent {
  readonly v: number;
  readonly id: string;
  readonly seq: number;
  readonly userId: string;
  readonly amount: number;
  readonly balance: number;
}

/** What has been done with an event; `missed` where one before it never came. */
export type Taken = "applied" | "known already" | "missed" | "not understood";

/** Partitions and accounts as they were left: to be stored in one transaction, or one file. */
export interface FollowerState {
  /** By partition the offset that comes next. */
  readonly offsets: Record<string, number>;
  /** By account what the newest of its events said. */
  readonly accounts: Record<string, { readonly seq: number; readonly balance: number }>;
}

const VERSION = 1;

/**
 * Follows the balances of a ledger by its change stream. An event may come more than once, also
 * long after others of its account; it is new if its `seq` is above all that came for that account.
 * What is applied and where the reader stands are one state, so that a crash repeats and loses
 * nothing.
 */
export class ChangeFollower {
  readonly state: FollowerState;

  constructor(state: FollowerState = { offsets: {}, accounts: {} }) {
    this.state = state;
  }

  /** Where to read on in a partition. */
  offsetOf(partition: number): number {
    return this.state.offsets[partition] ?? 0;
  }

  /** Reads on at `first` where that and `next`, the ends of the partition, leave the place out. */
  clampTo(partition: number, first: number, next: number): void {
    const offset = this.offsetOf(partition);
    if (offset < first || offset > next) this.state.offsets[partition] = first;
  }

  take({
    partition,
    offset,
    value,
  }: {
    readonly partition: number;
    readonly offset: number;
    readonly value: string | null;
  }): Taken {
    this.state.offsets[partition] = offset + 1;
    const event = eventIn(value);
    if (event === null) return "not understood";
    const { userId, seq, amount, balance } = event;
    const known = this.state.accounts[userId];
    if (known !== undefined && seq <= known.seq) return "known already";
    this.state.accounts[userId] = { seq, balance };
    // The balance before this event is the one after the last, or one is missing in between.
    return known === undefined || known.balance === balance - amount ? "applied" : "missed";
  }
}

/** Null where it is none of ours: whatever somebody has written into the topic, it stops nobody. */
function eventIn(value: string | null): ChangeEvent | null {
  let event: Partial<ChangeEvent> | null;
  try {
    event = JSON.parse(value ?? "null") as Partial<ChangeEvent> | null;
  } catch {
    return null;
  }
  const { v, id, userId, seq, amount, balance } = event ?? {};
  const isOurs =
    v === VERSION &&
    typeof id === "string" &&
    typeof userId === "string" &&
    [seq, amount, balance].every(Number.isSafeInteger);
  return isOurs ? (event as ChangeEvent) : null;
}
