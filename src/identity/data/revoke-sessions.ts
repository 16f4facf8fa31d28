/** Why a session was ended, as its row keeps it. */
export type RevokeReason = "logout" | "reuse" | "roles" | "password" | "secret" | "erased";

/**
 * SQL that ends each live session that `filter` selects, at `:nowMs`.
 *
 * Each session gets a time of its own, later than that of any revocation committed before it,
 * whatever clock the writer had: D1 writes one batch after the other, so a reader of the list can
 * go on exactly behind the last one it has seen. A large family runs some ms ahead.
 */
export function revokeSessionsSql<Reason extends RevokeReason, Filter extends string>(
  reason: Reason,
  filter: Filter,
) {
  return `
    UPDATE session SET revoked_at = ending.at, revoke_reason = '${reason}'
    FROM (
      SELECT id, row_number() OVER (ORDER BY id) - 1
        + max(:nowMs, (SELECT coalesce(max(revoked_at), 0) + 1 FROM session WHERE revoked_at IS NOT NULL)) AS at
      FROM session WHERE revoked_at IS NULL AND ${filter}
    ) AS ending
    WHERE session.id = ending.id` as const;
}
