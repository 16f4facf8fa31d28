/**
 * SQL that says whether a session `s` lives. It ends by its age too, whoever has extended it: by
 * when it was made, a release that knew no age as well.
 */
export const SESSION_LIVES = `
  s.revoked_at IS NULL AND s.expires_at > :nowMs AND s.created_at + :ageMsMax > :nowMs
  AND EXISTS (SELECT 1 FROM account a WHERE a.id = s.account_id)` as const;

/** SQL that extends a session by a trade, never beyond its age. */
export const EXTENDED = "min(:expiresAtMs, created_at + :ageMsMax)";

/**
 * The database's own clock, in ms. The leeway begins and ends on it: isolates' clocks
 * may be minutes apart, and it must be as long as it says whichever of them asks.
 */
export const DATABASE_NOW_MS = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

/**
 * SQL that says whether the newest token of a session `s` was first made within the leeway.
 * Either way round: a database that has moved may be on a clock that is behind.
 */
export const IN_LEEWAY = `abs(${DATABASE_NOW_MS} - s.rotated_at) < :leewayMs` as const;
