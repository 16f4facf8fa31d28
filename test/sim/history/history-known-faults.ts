/** Names of {@link FAULTS_MENDED}: each switches its trouble, or the check that sees it, on. */
export type FaultName =
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
  | "lookup-beyond-list"
  | "late-duration"
  | "spending-cap";

/**
 * Faults that issues 8 and 11 named and that the simulator found in the code before them, and the
 * account's spending cap, each with
 * the share of worlds that suffer its trouble: 1 where it is a check or one more trouble among
 * others, less where it needs limits or quiet of its own (history-fault-troubles.ts) or is dear. At
 * most one of the latter is on in a world.
 */
export const FAULTS_MENDED: readonly {
  readonly name: FaultName;
  readonly share: number;
  readonly tells: string;
}[] = [
  { name: "known-keys-refused", share: 1, tells: "a full shard takes reports of what is pending already" },
  {
    name: "shard-storage-outlives-erasure",
    share: 1,
    tells: "no row and no snapshot keeps records of erased users",
  },
  { name: "lookup-beyond-list", share: 0.06, tells: "a look-up finds what the list has, and nothing beyond" },
  { name: "month-ahead", share: 0.06, tells: "readings of the clock a month ahead stop nothing" },
  {
    name: "unknown-row",
    share: 0.06,
    tells: "a row with a mutation of a later release stops no shard and is adopted by that release",
  },
  { name: "everything-set-aside", share: 0.06, tells: "a statement of ours that is refused loses nothing" },
  {
    name: "late-duration",
    share: 0.06,
    tells: "a duration that comes late, while the job has its item, is kept",
  },
  { name: "bad-report", share: 0.05, tells: "a report that breaks the contract fails alone" },
  {
    name: "report-without-at",
    share: 0.04,
    tells: "a report that the BFF has dated keeps its time, however often it is made",
  },
  {
    name: "reports-need-d1",
    share: 0.06,
    tells: "reports are taken while database 0 is away from before the start",
  },
  { name: "dead-letters-outlive-erasure", share: 0.06, tells: "no dead letter names anybody" },
  { name: "resends-without-backoff", share: 0.03, tells: "while D1 is away keys are sent ever more seldom" },
  {
    name: "one-database-fills-all",
    share: 0.04,
    tells: "the users of a healthy database are not refused for another's",
  },
  { name: "log-outgrows-pending", share: 0.01, tells: "the log is bounded by what is pending in it" },
  { name: "half-snapshot", share: 0.005, tells: "a snapshot of several chunks is there whole or not at all" },
  {
    name: "spending-cap",
    share: 0.06,
    tells: "an hour at the account's spending cap loses nothing acknowledged, and heals within five minutes",
  },
];
