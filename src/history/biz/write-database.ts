import { CodedError, describeCauses, isCode } from "../../contracts/errors.ts";
import type { FailureKind, HistoryWriter } from "./ports.ts";
import type { Refusal } from "./read-collected.ts";
import type { Confirmation, HistoryRecord } from "./record.ts";
import { statementParts } from "./statement-parts.ts";

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
    await writeIsolating(writer, work.records, safe, refused);
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

/**
 * Writes records, a statement a part; where the database refuses some, finds them by halving. Once
 * more are refused than may be set aside it halves no more: what is left is tried as it stands, so
 * that even then one statement fails for each part and not one for each record.
 */
async function writeIsolating(
  writer: HistoryWriter,
  records: readonly HistoryRecord[],
  safe: Set<Confirmation>,
  refused: Refusal[],
): Promise<void> {
  const todo = [...statementParts(records)].toReversed();
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    try {
      await writer.upsert(part);
      for (const record of part) safe.add(record);
    } catch (error) {
      if (!isCode(error, "INVALID")) throw error;
      const [only] = part;
      if (part.length === 1 && only !== undefined)
        refused.push({ record: only, reason: describeCauses(error) });
      else if (refused.length <= SET_ASIDE_MAX) {
        const middle = Math.ceil(part.length / 2);
        todo.push(part.slice(middle), part.slice(0, middle));
      }
    }
  }
}
