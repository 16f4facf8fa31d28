import type { Clock } from "../../resilience/clock.ts";
import type { Schedule } from "./group-commit.ts";
import type {
  FlushQueue,
  FormatStore,
  HistoryReader,
  ListenerStore,
  LossCount,
  ShardAlarm,
  ShardLog,
  TellComet,
} from "./ports.ts";
import type { RemoteValues } from "./ports.ts";
import type { WatchRules } from "./watch-rules.ts";

/** What a shard may hold, and how long it waits. */
export interface ShardLimits {
  /** How old a pending record may get before its key is sent to the job, in ms. */
  readonly flushWindowMs: number;
  /** How many calls a commit waits for, about, and how long at most, in ms. */
  readonly commitGroup: number;
  readonly commitWaitMsMax: number;
  /** Records and bytes that may be pending before reports are refused. */
  readonly pendingRecordsMax: number;
  readonly pendingBytesMax: number;
  /**
   * How long a read waits for D1 in all, in ms, unless its caller has less time: less than a call
   * of the shard may take, or who waits for a database blames the shard.
   */
  readonly readMs: number;
  /** Memory for users' entries, in bytes, and entries kept of one user. */
  readonly viewBytesMax: number;
  readonly entriesPerUserMax: number;
  /** How long it is remembered that an item was deleted, in ms. */
  readonly tombstonesKeptMs: number;
  /** Entries that are loaded of a user who is not in memory; the rest when somebody asks for it. */
  readonly headEntries: number;
  /** Live log rows beyond which what is pending moves into a snapshot. */
  readonly liveRowsMax: number;
  /** How often players are asked to report while the shard has little to do, in ms. */
  readonly reportPaceMs: number;
}

export interface ShardDeps {
  readonly shard: number;
  readonly limits: ShardLimits;
  /** How many databases hold users, and the number of a user's; below 0 while that isn't known. */
  readonly databases: () => number;
  readonly databaseOf: (userId: string) => number;
  readonly log: ShardLog;
  /** Who listens, and how they are told. */
  readonly listeners: ListenerStore;
  readonly tellComet: TellComet;
  /** Which format of the log this object writes. */
  readonly formats: FormatStore;
  /** Absent where nothing can be lost. */
  readonly losses?: LossCount;
  /** When an item is started, and when watched. */
  readonly rules: WatchRules;
  readonly alarm: ShardAlarm;
  /** When the alarm is set to go off, in ms; null if it isn't. */
  readonly alarmAtMs: number | null;
  readonly queue: FlushQueue;
  readonly reader: HistoryReader;
  /** Where values are kept outside of the shard; absent: nowhere. */
  readonly values?: RemoteValues | null;
  readonly now: Clock;
  readonly schedule: Schedule;
  /** Hears of failures that nobody waits for. */
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}
