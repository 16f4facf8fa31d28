import { CodedError } from "../../contracts/errors.ts";
import type { UserState } from "./user-state.ts";
import type { WriteDeps } from "./write-database.ts";
import { writeIsolating } from "./write-isolating.ts";

/** States of one run that are looked for one by one where a database refuses them. */
const REFUSED_MAX = 5;

/**
 * Writes states of users into one database and never throws. Returns those that are written. One
 * that the database refuses stays with its shard, which goes by it all the same: it is told,
 * counted and asked for again.
 */
export async function writeStates(
  { writer, onFailure, countFailures }: WriteDeps,
  database: number,
  states: readonly UserState[],
): Promise<ReadonlySet<UserState>> {
  const written = new Set<UserState>();
  const refused: string[] = [];
  const what = `write states to database ${database}`;
  try {
    const writing = {
      write: (part: readonly UserState[]) => writer.writeStates(part),
      onWritten: (state: UserState) => void written.add(state),
      onRefused: (_state: UserState, reason: string) => void refused.push(reason),
      mayHalve: () => refused.length <= REFUSED_MAX,
    };
    await writeIsolating(writing, states);
  } catch (error) {
    onFailure(what, error);
  }
  if (refused.length === 0) return written;
  await countFailures("bad_record", refused.length);
  onFailure(
    what,
    new CodedError("INTERNAL", `${refused.length} states are refused; the first: ${refused[0] ?? ""}`),
  );
  return written;
}
