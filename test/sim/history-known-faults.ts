/** Names of {@link FAULTS_KNOWN}: each switches its trouble, or the check that sees it, on. */
export type FaultName =
  | "callers-clocks"
  | "reports-need-d1"
  | "log-outgrows-pending"
  | "half-snapshot"
  | "known-keys-refused"
  | "one-database-fills-all"
  | "month-ahead"
  | "unknown-row"
  | "shard-storage-outlives-erasure"
  | "dead-letters-outlive-erasure"
  | "resends-without-backoff"
  | "everything-set-aside"
  | "bad-report"
  | "report-without-at"
  | "lookup-beyond-list";

export interface KnownFault {
  readonly name: FaultName;
  /** Item of issue 8. */
  readonly item: number;
  /** What is wrong, and the trouble that shows it. */
  readonly tells: string;
}

/**
 * Faults of src/history that the simulator has found and that are not mended yet. Their trouble is off, so that everything else can be proved; a test
 * shows for each that a seed fails where it is on. Items 10 and 14 are about guards and cost, and most of item 3 about memory, which are not simulated. Whoever mends one moves it to {@link FAULTS_MENDED}, and its trouble is part of every run.
 */
export const FAULTS_KNOWN: readonly KnownFault[] = [
  { name: "callers-clocks", item: 1, tells: "reads are refused by a shard whose clock is ahead of its callers'" },
  { name: "reports-need-d1", item: 2, tells: "no shard is found while database 0 is away from before the start" },
  { name: "log-outgrows-pending", item: 3, tells: "the log is bounded in rows, whatever they weigh beside what is pending" },
  { name: "half-snapshot", item: 4, tells: "a snapshot of several chunks whose second write throws is committed by half" },
  { name: "known-keys-refused", item: 5, tells: "a full shard refuses reports of what is pending already, though they add nothing" },
  { name: "one-database-fills-all", item: 5, tells: "while one database is away its users fill the shard, and the other's are refused" },
  { name: "month-ahead", item: 6, tells: "one reading of the clock a month ahead stops write-back for a month" },
  { name: "unknown-row", item: 7, tells: "a row with a mutation of a newer release ends the shard for good" },
  { name: "shard-storage-outlives-erasure", item: 8, tells: "log rows and snapshots keep records of erased users" },
  { name: "dead-letters-outlive-erasure", item: 8, tells: "a message given up after the erasure is kept with the user's id" },
  { name: "resends-without-backoff", item: 9, tells: "while D1 is away keys are sent again every minute" },
  { name: "everything-set-aside", item: 11, tells: "a statement of ours that is refused sets everything aside and confirms it" },
  { name: "bad-report", item: 12, tells: "one report that breaks the contract fails everybody's in its commit" },
  { name: "report-without-at", item: 13, tells: "a report without a time is dated anew each time it is made again" },
  { name: "lookup-beyond-list", item: 15, tells: "a look-up finds what is beyond the newest entries that the list has" },
];

/**
 * What has been mended, with the share of worlds that suffer its trouble: 1 where it is a check or one more trouble among others, less where it needs
 * limits or quiet of its own (history-fault-troubles.ts) or is dear.
 */
export const FAULTS_MENDED: readonly { readonly name: FaultName; readonly share: number }[] = [];
