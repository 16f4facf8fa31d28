import { CHANGE_EVENT_VERSION, type ChangeEvent, type LedgerChange } from "../../contracts/ledger.ts";

/** A change as the world outside is told it: field by field, so that no other one slips out. */
export function changeEventOf(change: LedgerChange): ChangeEvent {
  const { seq, ledger, userId, transferId, amount, balance, at } = change;
  return {
    v: CHANGE_EVENT_VERSION,
    id: `${ledger}-${seq}`,
    ledger,
    seq,
    userId,
    transferId,
    amount,
    balance,
    at,
  };
}
