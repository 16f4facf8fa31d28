import type { Confirmation, HistoryRecord } from "./record.ts";
import { confirmationSchema, recordSchema } from "./record-schema.ts";

/** A record that can't be written, and why. */
export interface Refusal {
  readonly record: Confirmation;
  readonly reason: string;
}

/** What a shard has answered, sorted. */
export interface Collected {
  readonly records: readonly HistoryRecord[];
  /** No records, but with key and revision: they can be set aside. */
  readonly refused: readonly Refusal[];
  /** How many can't even be named. They stay with the shard. */
  readonly nameless: number;
}

/** Characters of JSON that are set aside at most: a record has some 250. */
const JSON_LENGTH_MAX = 10_000;

/**
 * Reads a shard's answer, each record by itself: the fault of one is no other's. Throws where it is
 * no list at all.
 */
export function readCollected(answer: unknown): Collected {
  if (!Array.isArray(answer)) throw new TypeError("a shard answered no list of records");
  const records: HistoryRecord[] = [];
  const refused: Refusal[] = [];
  let nameless = 0;
  for (const item of answer as readonly unknown[]) {
    const read = recordSchema.safeParse(item);
    if (read.success) {
      // With all the item has, not the schema's copy alone: fields of a newer shard are its affair.
      records.push({ ...read.data, ...(item as object) });
      continue;
    }
    if (confirmationSchema.safeParse(item).success && isSmallJson(item)) {
      const reason = read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
      refused.push({ record: item as Confirmation, reason: `no record: ${reason}` });
    } else nameless += 1;
  }
  return { records, refused, nameless };
}

function isSmallJson(item: unknown): boolean {
  try {
    return JSON.stringify(item).length <= JSON_LENGTH_MAX;
  } catch {
    return false;
  }
}
