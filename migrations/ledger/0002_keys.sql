-- Keys as digests, refused keys in rows of their own, keys that came in with money, and what a day's deposits sum to. No table is rebuilt, and the code of
-- the release before goes on working beside all of it.

-- From when keys are written as digests (a space, then 22 characters; a plain key has no space in it). The code of the release before finds plain keys only: while it
-- may still answer, keys stay plain. Where nothing has been asked for yet, there is no such code.
CREATE TABLE key_digests (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  since INTEGER NOT NULL
) STRICT;
INSERT INTO key_digests (id, since)
SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM transfer) THEN (unixepoch() + 3600) * 1000 ELSE 0 END;

-- Why a deposit failed; null in rows of the release before.
ALTER TABLE transfer ADD COLUMN refusal TEXT;

-- Keys of transfers that were refused. By period (30 days since the epoch), so that the old ones lie together at one end; a lookup asks three of them.
CREATE TABLE refused (
  period INTEGER NOT NULL,
  owner TEXT NOT NULL,
  key_digest TEXT NOT NULL,
  -- All that there is to such a transfer's payload.
  amount INTEGER NOT NULL,
  PRIMARY KEY (period, owner, key_digest)
) STRICT, WITHOUT ROWID;

-- Keys under which money has come in from the other ledger: none of them may send it back.
CREATE TABLE received_key (
  owner TEXT NOT NULL,
  key_digest TEXT NOT NULL,
  PRIMARY KEY (owner, key_digest)
) STRICT, WITHOUT ROWID;

-- What was deposited in a day (days since the epoch, UTC). Nothing is given back by a reversal.
CREATE TABLE deposit_day (
  day INTEGER PRIMARY KEY NOT NULL,
  amount INTEGER NOT NULL
) STRICT;
