import { isCode } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { ChangeTailer } from "./change-tailer.ts";
import type { Publisher } from "./publisher.ts";

interface PublishOnceDeps {
  readonly publisher: Pick<Publisher, "publishDue">;
  /** Null where changes go nowhere. */
  readonly tailer: Pick<ChangeTailer, "run"> | null;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/** When a run that failed is made again, in ms. */
const AFTER_FAILURE_MS = 5_000;
/** The same where the account may spend no more: each run is billed, and finds that again. */
const AT_THE_CAP_MS = 60_000;
/** When a run that left work behind is made again, in ms. */
const AT_ONCE_MS = 100;

/**
 * One run of the publisher's object: messages and changes, neither of which holds up the other.
 * Never throws.
 *
 * @returns when to run again; null where nothing is under way
 */
export async function publishOnce({
  publisher,
  tailer,
  now,
  onFailure,
}: PublishOnceDeps): Promise<number | null> {
  const attempt = async (what: string, run: () => Promise<number | null>): Promise<number | null> => {
    try {
      return await run();
    } catch (error) {
      onFailure(what, error);
      return now() + (isCode(error, "SPENDING_CAP") ? AT_THE_CAP_MS : AFTER_FAILURE_MS);
    }
  };
  // Both at once: a database that hangs keeps the object awake for one wait instead of two.
  const runs = await Promise.all([
    attempt("publish due messages", () => publisher.publishDue()),
    tailer === null ? null : attempt("publish changes", async () => ((await tailer.run()) ? now() : null)),
  ]);
  const times = runs.filter((atMs) => atMs !== null);
  return times.length === 0 ? null : Math.max(Math.min(...times), now() + AT_ONCE_MS);
}
