/*
 * A user's account is named after them, the ledger's own are `clearing` and `equity`. What an id is
 * made of is known here and nowhere else; SQL that makes or cuts one has it from here.
 */

/** Id of a user's account. */
export function accountOf(userId: string): string {
  return `user:${userId}`;
}

/** The same in SQL. */
export function accountSql<User extends string>(user: User) {
  return `'user:' || ${user}` as const;
}

/** In SQL: the user whose account it is. */
export function ownerSql<Account extends string>(account: Account) {
  return `substr(${account}, 6)` as const;
}

/** In SQL: behind the ids of a ledger's own accounts, before those of users. */
export const BEFORE_USERS = "'user:'";
