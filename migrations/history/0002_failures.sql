-- What goes wrong is counted, not kept: an outage must not fill the database that it waits for. The tables of 0001 stay as they are, since
-- workers of the previous release write them until a deploy is through.

-- How often something has gone wrong, and when last (database 0 only). One row a kind.
CREATE TABLE failure_count (
  kind    TEXT    NOT NULL PRIMARY KEY,
  total   INTEGER NOT NULL CHECK (total >= 0),
  last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Queue messages that nobody can read, by their shape: names of fields, types, lengths, and no value, so that no user is ever in here
-- (database 0 only).
CREATE TABLE unreadable_message (
  id          TEXT    NOT NULL PRIMARY KEY,
  outline     TEXT    NOT NULL,
  attempts    INTEGER NOT NULL,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unreadable_message_by_time ON unreadable_message (received_at, id);

-- Operators page through these by time, and the old ones go.
CREATE INDEX history_rejected_by_time ON history_rejected (rejected_at, user_id, kind, item_id, rev);
