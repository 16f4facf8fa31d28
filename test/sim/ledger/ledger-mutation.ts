import type { LedgerName } from "../../../src/contracts/ledger.ts";
import type {
  ChangeStore,
  DeadLetterStore,
  DeliverySender,
  InboxStore,
  OutboxStore,
  PeerLedger,
  TransferStore,
} from "../../../src/ledger/biz/ports.ts";

/** The query with something changed, or as it was where it has nothing of the kind. */
export type Rewrite = (query: string) => string;

/** One guard of the ledgers, broken on purpose. Everything absent is as it should be. */
export interface Mutation {
  readonly name: string;
  /**
   * Whether money is made, lost or somebody else's by it: then the balances alone must tell, and
   * for transfers reconciliation too.
   */
  readonly misbooks?: "deposits" | "transfers";
  /** Whether it takes weeks to show. */
  readonly isSlow?: true;
  /** Changes of the SQL, made one after the other. */
  readonly rewrites?: readonly Rewrite[];
  readonly transferStore?: (
    store: TransferStore,
    sender: DeliverySender,
    ledger: LedgerName,
  ) => TransferStore;
  readonly outboxStore?: (store: OutboxStore) => OutboxStore;
  readonly inboxStore?: (store: InboxStore) => InboxStore;
  readonly changeStore?: (store: ChangeStore) => ChangeStore;
  readonly deadLetters?: (store: DeadLetterStore) => DeadLetterStore;
  readonly peer?: (peer: PeerLedger) => PeerLedger;
  /** Whether it shows only at the account's spending cap. */
  readonly isAtCap?: true;
  /** Changes classes for the time of one run; the answer puts them back. */
  readonly patch?: () => () => void;
  readonly hasAlarm?: boolean;
  readonly hasCron?: boolean;
}

export const HEALTHY: Mutation = { name: "nothing" };

/**
 * Replaces a piece of SQL wherever it stands. It is written with the names that it has in the
 * source, though D1 is given numbers: a name stands for any of them, the same one in all of its
 * places. A test insists that each piece fits some query, and that the query takes as many values
 * as before: a mutation that no longer does is a mistake of the table.
 */
export function without(fragment: string, instead = ""): Rewrite {
  const pattern = patternOf(fragment);
  return (query) => query.replaceAll(pattern, (...match) => withNumbers(instead, numbersIn(match)));
}

/** The same, only in queries that have `mark` in them. What is a pattern is replaced as it is. */
export function within(mark: string, fragment: string | RegExp, instead = ""): Rewrite {
  const marked = patternOf(mark);
  const rewrite: Rewrite =
    typeof fragment === "string" ? without(fragment, instead) : (query) => query.replace(fragment, instead);
  return (query) => (query.search(marked) === -1 ? query : rewrite(query));
}

const STRINGS_AND_NAMES = /'[^']*'|:([a-z]\w*)/gi;

function patternOf(fragment: string): RegExp {
  const names = new Set<string>();
  const source = fragment
    .replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
    .replaceAll(STRINGS_AND_NAMES, (text, name?: string) => {
      if (name === undefined) return text;
      if (names.has(name)) return String.raw`\?\k<${name}>(?!\d)`;
      names.add(name);
      return String.raw`\?(?<${name}>\d+)`;
    });
  return new RegExp(source, "g");
}

function numbersIn(match: readonly unknown[]): Readonly<Record<string, string>> {
  const groups = match.at(-1);
  return typeof groups === "object" ? { ...groups } : {};
}

function withNumbers(instead: string, numbers: Readonly<Record<string, string>>): string {
  return instead.replaceAll(STRINGS_AND_NAMES, (text, name?: string) => {
    if (name === undefined) return text;
    const number = numbers[name];
    if (number === undefined) throw new Error(`nothing is replaced that has a :${name}`);
    return `?${number}`;
  });
}
