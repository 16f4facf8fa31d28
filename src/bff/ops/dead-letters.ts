import {
  LETTERS_PER_PAGE_MAX,
  type DeadLetter,
  type LettersRedriven,
} from "../../contracts/ledger-operators.ts";
import { peerOf, type LedgerName } from "../../contracts/ledger.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { LedgersOfOperators } from "./ledger-routes.ts";

interface Order {
  readonly ledger: LedgerName;
  /** Null for all. */
  readonly ids: readonly string[] | null;
  readonly cursor?: string | undefined;
  readonly dryRun: boolean;
}

interface RedriveLettersInput {
  readonly ledgers: LedgersOfOperators;
  readonly scope: RequestScope;
  readonly order: Order;
}

/** Where the page behind this letter begins. */
export function letterCursor({ at, id }: DeadLetter): string {
  return `${at}.${id}`;
}

/**
 * Sends what dead letters were about again. A letter's own words are never acted on: it may be
 * older than what became of its transfer. Its origin is asked for the message, which is in its
 * outbox for as long as it is under way, and sends it anew, paced like every redrive. Then the
 * letter goes; one that dies in between is redriven twice, which does nothing.
 */
export async function redriveDeadLetters({
  ledgers,
  scope,
  order,
}: RedriveLettersInput): Promise<LettersRedriven> {
  const { ledger, dryRun } = order;
  const { letters, nextCursor } = await lettersOf(ledgers, scope, order);
  const readable = letters.filter((letter) => tellsTransferFrom(letter, peerOf(ledger)));
  const transferIds = [...new Set(readable.flatMap(({ transferId }) => transferId ?? []))];
  const { redriven: sent } =
    transferIds.length === 0
      ? { redriven: [] }
      : await ledgers[peerOf(ledger)].write(scope, "redrive messages", (service, ctx) =>
          service.redrive(ctx, { ids: transferIds }, dryRun),
        );
  const underWay = new Set(sent);
  const idsWhere = (wanted: boolean): readonly string[] =>
    readable.filter(({ transferId }) => underWay.has(transferId ?? "") === wanted).map(({ id }) => id);
  if (!dryRun && readable.length > 0) {
    const ids = readable.map(({ id }) => id);
    await ledgers[ledger].write(scope, "forget dead letters", (service, ctx) =>
      service.forgetDeadLetters(ctx, ids),
    );
  }
  return {
    redriven: idsWhere(true),
    ended: idsWhere(false),
    unreadable: letters.filter((letter) => !readable.includes(letter)).map(({ id }) => id),
    ...(nextCursor === undefined ? {} : { nextCursor }),
  };
}

/**
 * Whether the ledger can be asked what became of it: one that names a transfer of somebody else's
 * says nothing about any of theirs.
 */
function tellsTransferFrom({ transferId, body }: DeadLetter, from: LedgerName): boolean {
  const sender: unknown = typeof body === "object" && body !== null && "from" in body ? body.from : from;
  return transferId !== null && sender === from;
}

interface Letters {
  readonly letters: readonly DeadLetter[];
  readonly nextCursor?: string;
}

async function lettersOf(
  ledgers: LedgersOfOperators,
  scope: RequestScope,
  { ledger, ids, cursor }: Order,
): Promise<Letters> {
  if (ids !== null) {
    return {
      letters: await ledgers[ledger].read(scope, "read dead letters", (service, ctx) =>
        service.deadLettersNamed(ctx, ids),
      ),
    };
  }
  const page = { limit: LETTERS_PER_PAGE_MAX + 1, ...(cursor === undefined ? {} : { cursor }) };
  const found = await ledgers[ledger].read(scope, "read dead letters", (service, ctx) =>
    service.deadLetters(ctx, page),
  );
  const letters = found.slice(0, LETTERS_PER_PAGE_MAX);
  const last = letters.at(-1);
  return {
    letters,
    ...(found.length > letters.length && last !== undefined ? { nextCursor: letterCursor(last) } : {}),
  };
}
