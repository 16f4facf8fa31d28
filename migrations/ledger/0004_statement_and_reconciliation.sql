-- The statement of an account: its entries in the order in which they were booked, without an index that would cost a row each. Every entry names the one
-- before it, the account the two newest. What was booked before this migration, or by an older release beside it, names none, and is found by the index below.
ALTER TABLE account ADD COLUMN newest_entry TEXT;
ALTER TABLE account ADD COLUMN second_entry TEXT;
-- The transfer of the entry before it on a user's account; '' for the first one.
ALTER TABLE entry ADD COLUMN previous_entry TEXT;
CREATE INDEX entry_unchained ON entry (account_id, at, transfer_id) WHERE previous_entry IS NULL AND account_id > 'user:';

-- What was paid into an account from outside, less what was taken back: over both ledgers a user has that, wherever it is. A trigger, so that it holds
-- whichever release books; it costs deposits a row, transfers none.
ALTER TABLE account ADD COLUMN paid_in INTEGER NOT NULL DEFAULT 0;
UPDATE account SET paid_in = paid.amount
FROM (SELECT contra_id, -sum(amount) AS amount FROM entry WHERE account_id = 'equity' GROUP BY contra_id) AS paid WHERE account.id = paid.contra_id;
CREATE TRIGGER entry_pays_in AFTER INSERT ON entry WHEN NEW.contra_id = 'equity'
BEGIN
  UPDATE account SET paid_in = paid_in + NEW.amount WHERE id = NEW.account_id;
END;

-- How far the reconciliation has come, and sums over what it has passed, so that no sum over everything reads everything.
CREATE TABLE reconciliation (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- Every transfer up to this id was compared with the other ledger.
  through_id TEXT NOT NULL,
  -- Sums of the entries up to it: of the clearing account, of equity, and of both with their other sides.
  clearing INTEGER NOT NULL,
  equity INTEGER NOT NULL,
  sum_of_entries INTEGER NOT NULL,
  -- The last account looked at.
  account_id TEXT NOT NULL
) STRICT;
INSERT INTO reconciliation (id, through_id, clearing, equity, sum_of_entries, account_id) VALUES (1, '', 0, 0, 0, '');

-- Transfers that were passed before they had come to rest: looked at again until they have.
CREATE TABLE reconciliation_open (
  id TEXT PRIMARY KEY NOT NULL,
  -- Whether the sums above hold its entry on the clearing account.
  counted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
