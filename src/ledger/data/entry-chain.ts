/*
 * A statement is in the order of booking, and an index by it would cost each movement a row.
 * Instead each entry of a user's account names the one before it: the account's row, which is
 * written anyway, keeps the two newest, since by the time the entry is inserted it is the newest
 * itself.
 */

/**
 * What the `UPDATE` of a user's account sets beside its balance, in the batch that inserts the
 * entry of `transfer`.
 */
export function nextEntry<Transfer extends string>(transfer: Transfer) {
  return `second_entry = newest_entry, newest_entry = ${transfer}` as const;
}

/** The value of `previous_entry` for an entry inserted after that. */
export function previousEntry<Account extends string>(account: Account) {
  return `(SELECT coalesce(owning.second_entry, '') FROM account AS owning WHERE owning.id = ${account})` as const;
}
