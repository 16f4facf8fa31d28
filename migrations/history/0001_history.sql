-- One of the history's databases. Users are spread over the databases by bucket; every database has this schema.

-- The newest state of each item of each user. No index by time: a user has at most some 1,000 rows, and scanning them is
-- cheaper than a second row written with every write.
CREATE TABLE history (
  user_id     TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  item_id     TEXT    NOT NULL,
  position_ms INTEGER NOT NULL CHECK (position_ms BETWEEN 0 AND 2147483647),
  duration_ms INTEGER          CHECK (duration_ms BETWEEN 0 AND 2147483647),
  event       TEXT    NOT NULL CHECK (event IN ('playing', 'paused', 'ended')),
  device_id   TEXT,
  at          INTEGER NOT NULL CHECK (at >= 0),
  rev         INTEGER NOT NULL CHECK (rev > 0),
  PRIMARY KEY (user_id, kind, item_id)
) STRICT, WITHOUT ROWID;

-- What holds for a user as a whole. Written when it first differs from the default, so most users have no row.
CREATE TABLE history_user (
  user_id        TEXT    NOT NULL PRIMARY KEY,
  paused         INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  cleared_before INTEGER NOT NULL DEFAULT -1,
  erased         INTEGER NOT NULL DEFAULT 0 CHECK (erased IN (0, 1)),
  rev            INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Records that the table above refuses for good, with the reason: one poison record never blocks the rest, and none is lost silently.
CREATE TABLE history_rejected (
  user_id     TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  item_id     TEXT    NOT NULL,
  rev         INTEGER NOT NULL,
  record      TEXT    NOT NULL,
  reason      TEXT    NOT NULL,
  rejected_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, kind, item_id, rev)
) STRICT, WITHOUT ROWID;

-- Queue messages that were given up, for operators (database 0 only).
CREATE TABLE dead_letter (
  id          TEXT    NOT NULL PRIMARY KEY,
  body        TEXT    NOT NULL,
  attempts    INTEGER NOT NULL,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many shards users are spread over; the newest version rules (database 0 only).
CREATE TABLE shard_mapping (
  version    INTEGER NOT NULL PRIMARY KEY,
  shards     INTEGER NOT NULL CHECK (shards BETWEEN 1 AND 4096),
  created_at INTEGER NOT NULL
) STRICT;
