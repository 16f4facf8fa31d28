import { CodedError } from "../../contracts/errors.ts";
import type { FailureKind, HistoryWriter } from "./ports.ts";
import type { Refusal } from "./read-collected.ts";
import type { Confirmation, HistoryRecord } from "./record.ts";
import { writeIsolating } from "./write-isolating.ts";

export interface WriteDeps {
  readonly writer: HistoryWriter;
  /** Hears of failures; what they are about will come again. */
  readonly onFailure: (what: string, error: unknown) => void;
  readonly countFailures: (kind: FailureKind, count: number) => Promise<void>;
}

/** What one run of the job has for one database. */
export interface DatabaseWork {
  readonly database: number;
  readonly records: readonly HistoryRecord[];
  /** Found wrong before they came here. */
  readonly refused: readonly Refusal[];
}

/**
 * Records of one run that one database may set aside. Faults of data are rare; when many are
 * refused at once it is a bug of ours, and confirming them would lose what users were told is safe.
 */
export const SET_ASIDE_MAX = 5;

/**
 * Writes one database and never throws. Returns what is safe: written, beaten by a newer one, or
 * set aside.
 */
export async function writeDatabase(deps: WriteDeps, work: DatabaseWork): Promise<ReadonlySet<Confirmation>> {
  const { writer, onFailure } = deps;
  const safe = new Set<Confirmation>();
  const refused = [...work.refused];
  try {
    const writing = {
      write: (part: readonly HistoryRecord[]) => writer.upsert(part),
      onWritten: (record: HistoryRecord) => void safe.add(record),
      onRefused: (record: HistoryRecord, reason: string) => void refused.push({ record, reason }),
      mayHalve: () => refused.length <= SET_ASIDE_MAX,
    };
    await writeIsolating(writing, work.records);
    if (refused.length > SET_ASIDE_MAX) {
      await deps.countFailures("refused_batch", 1);
      const [first] = refused;
      throw new CodedError(
        "INTERNAL",
        `${refused.length} records or more are refused, none is set aside; the first: ${first?.reason ?? ""}`,
      );
    }
    for (const { record, reason } of refused) {
      await writer.reject(record, reason);
      safe.add(record);
    }
  } catch (error) {
    onFailure(`write database ${work.database}`, error);
  }
  return safe;
}
