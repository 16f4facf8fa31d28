import type { Confirmation } from "../../../src/history/biz/record.ts";
import type { UserState } from "../../../src/history/biz/user-state.ts";
import type { HistoryScene } from "./history-scene.ts";

/** What is remembered about one shard beside it. */
export interface Watch {
  readonly world: HistoryScene;
  readonly number: number;
  /** Rows to which a later release has added something. */
  readonly unknown: Set<number>;
  /** The largest revision that is durable. */
  durableRev: number;
  /** How often each key has been sent in this life since its database confirmed anything. */
  readonly sent: Map<string, { readonly times: number; readonly database: number }>;
  /** The format that the shard writes. */
  format: number;
  /** What holds for users as a whole, as the shard has written it in this life or before. */
  readonly states: Map<string, UserState>;
  /** Users whom the shard has erased. */
  readonly erased: Set<string>;
  readonly erasedDurably: Set<string>;
  /** Rows written in this life since its last snapshot; null before the first. */
  rowsSinceSnapshot: number | null;
  /** What databases were durably said to hold, by the record's name. */
  readonly confirmed: Map<string, Confirmation>;
  /**
   * When a load of each database was last asked for anew in this life, with no load since that
   * succeeded.
   */
  readonly refilledAtMs: Map<number, number>;
  /** The wall clock of the shard's machine. */
  readonly now: () => number;
}
