import type { DatabaseDirectory } from "./database-directory.ts";
import type { QueueMessage } from "./flush-message.ts";
import { createHistoryJob, type HistoryJobDeps, type MessageOutcome } from "./history-job.ts";

interface CellJobDeps extends Omit<HistoryJobDeps, "databaseOf"> {
  readonly places: DatabaseDirectory;
}

/** The job of a cell: it asks where users are before each batch, which costs nothing once known. */
export function cellJob({ places, ...job }: CellJobDeps) {
  return async function runCellJob(messages: readonly QueueMessage[]): Promise<readonly MessageOutcome[]> {
    const { databaseOf } = await places.placement(messages[0]?.shard);
    return createHistoryJob({ ...job, databaseOf })(messages);
  };
}
