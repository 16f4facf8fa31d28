-- What people do to a history beside watching. Workers of the release before write these tables until a deploy is through: each column is
-- nullable or has a default, and no row is written anew for it. SQLite reads a table once for each column that is added to it, because of
-- the checks of 0001, so there are no more of them than needed, and none has a check of its own.

-- The time that the client gave itself; NULL where it is the one in `at`.
ALTER TABLE history ADD COLUMN raw_at INTEGER;
-- The next three hold the row's own revision where they say something: a worker of the release before that writes a newer report over it
-- leaves them as they are, and they say nothing any more. Marked by hand as watched; negative: as not watched; NULL: by rule.
ALTER TABLE history ADD COLUMN watched INTEGER;
-- Taken out of "continue" by hand.
ALTER TABLE history ADD COLUMN dismissed INTEGER;
-- Deleted: the row is a tombstone.
ALTER TABLE history ADD COLUMN deleted INTEGER;
-- The cron finds tombstones that are too old, also of users of whom nothing more comes. Entries that were never deleted are not in it.
CREATE INDEX history_tombstone_by_time ON history (at) WHERE deleted IS NOT NULL;

-- A user's state, part by part, each with what it is ordered by: of two the later stands. `rev` of 0001 says nothing any more.
-- Everything up to (cleared_before, cleared_rev) was cleared.
ALTER TABLE history_user ADD COLUMN cleared_rev INTEGER NOT NULL DEFAULT 0;
-- The pause or the last one, in ms; since which revision that is so.
ALTER TABLE history_user ADD COLUMN paused_from INTEGER;
ALTER TABLE history_user ADD COLUMN paused_until INTEGER;
ALTER TABLE history_user ADD COLUMN settings_rev INTEGER NOT NULL DEFAULT 0;
-- Everything up to (floor_at, floor_rev) is beyond what is kept; the revision at which that was found.
ALTER TABLE history_user ADD COLUMN floor_at INTEGER NOT NULL DEFAULT -1;
ALTER TABLE history_user ADD COLUMN floor_rev INTEGER NOT NULL DEFAULT 0;
ALTER TABLE history_user ADD COLUMN floor_set_rev INTEGER NOT NULL DEFAULT 0;
-- Tombstones up to this revision are forgotten.
ALTER TABLE history_user ADD COLUMN forgotten_rev INTEGER NOT NULL DEFAULT 0;
