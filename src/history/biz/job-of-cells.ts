import { isCode } from "../../contracts/errors.ts";
import type { QueueMessage } from "./flush-message.ts";
import type { MessageOutcome } from "./history-job.ts";

type RunJob = (messages: readonly QueueMessage[]) => Promise<readonly MessageOutcome[]>;

interface JobOfCellsDeps {
  /** The job of a cell; absent: `main`. Throws where there is no such cell. */
  readonly jobOf: (cell: string | undefined) => RunJob;
  /** Hears of failures; the messages they belong to will come again. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/**
 * Has each message done by the job of its cell, whichever queue has brought it. One cell's fault is
 * no other's; where it is the account's spending cap, its messages wait for the end of that.
 */
export function jobOfCells({ jobOf, onFailure }: JobOfCellsDeps): RunJob {
  return async function runJobs(messages) {
    const outcomes: MessageOutcome[] = messages.map(() => "again");
    const byCell = Map.groupBy(messages.entries(), ([, { cell }]) => cell);
    await Promise.all(
      Array.from(byCell, async ([cell, ofCell]) => {
        try {
          const done = await jobOf(cell)(ofCell.map(([, message]) => message));
          for (const [place, [index]] of ofCell.entries()) outcomes[index] = done[place] ?? "again";
        } catch (error) {
          // One that can't even begin waits for the cap's end as one does that can't go on.
          if (isCode(error, "SPENDING_CAP")) for (const [index] of ofCell) outcomes[index] = "at the cap";
          onFailure(cell === undefined ? "run a batch" : `run a batch of ${cell}`, error);
        }
      }),
    );
    return outcomes;
  };
}
