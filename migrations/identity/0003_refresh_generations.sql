-- Refresh tokens that need no rows: what a session has to keep so that its tokens can be made and checked. All of it
-- is null for a session that a release before has opened, until its token of then is traded for the new kind.

-- 32 random bytes in base64url. The key of the session's tokens follows from them and from the worker's secret.
ALTER TABLE session ADD COLUMN token_seed TEXT;
-- Which of the worker's secrets has made the newest token.
ALTER TABLE session ADD COLUMN token_kid TEXT;
-- And which the one before that; null where there is none of this kind.
ALTER TABLE session ADD COLUMN traded_kid TEXT;
-- Of the newest token: 0 at the login, one more at each trade.
ALTER TABLE session ADD COLUMN generation INTEGER;
-- When the newest token was first made out of the one before it, on the database's own clock.
ALTER TABLE session ADD COLUMN rotated_at INTEGER;
-- When the session was refreshed within the last minute: a JSON array, ten times at most.
ALTER TABLE session ADD COLUMN rotations TEXT;
