import { describeCauses, isCode } from "../../contracts/errors.ts";
import { statementParts } from "./statement-parts.ts";

interface IsolatingDeps<T> {
  /** Writes a part, all or nothing. Throws `INVALID` where one of it is refused. */
  readonly write: (part: readonly T[]) => Promise<void>;
  readonly onWritten: (item: T) => void;
  readonly onRefused: (item: T, reason: string) => void;
  /** Whether it is still worth while to find out which ones are refused. */
  readonly mayHalve: () => boolean;
}

/**
 * Writes items, a statement a part; where the database refuses some, finds them by halving. Once
 * that is not worth while it halves no more: what is left is tried as it stands, so that even then
 * one statement fails for each part and not one for each item. Any other failure is thrown.
 */
export async function writeIsolating<T>(deps: IsolatingDeps<T>, items: readonly T[]): Promise<void> {
  const todo = [...statementParts(items)].toReversed();
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    try {
      await deps.write(part);
      for (const item of part) deps.onWritten(item);
    } catch (error) {
      if (!isCode(error, "INVALID")) throw error;
      const [only] = part;
      if (part.length === 1 && only !== undefined) deps.onRefused(only, describeCauses(error));
      else if (deps.mayHalve()) {
        const middle = Math.ceil(part.length / 2);
        todo.push(part.slice(middle), part.slice(0, middle));
      }
    }
  }
}
