-- Each user's home: the cell that has their history. Null is cell main, as for all from before there were cells.
ALTER TABLE account ADD COLUMN cell TEXT;
-- Whoever carries an erasure on must know where to, when the account is gone.
ALTER TABLE erasure ADD COLUMN cell TEXT;

-- The cells beside main that have ever been somebody's home: they must stay in the var CELLS.
CREATE TABLE cell (
  name TEXT PRIMARY KEY NOT NULL,
  first_user_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
