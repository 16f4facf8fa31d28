-- What operators do to accounts and messages, and indexes for what runs by itself: none of it reads more than it takes. Columns are added as they are, so that
-- no table is built anew and the release before goes on writing.

-- Neither takes nor sends. A frozen account is closed too, so that whoever asks only for `closed_at` refuses it.
ALTER TABLE account ADD COLUMN frozen_at INTEGER;

-- Sends before the last redrive: the schedule counts from there on, while the number of a send never comes again.
ALTER TABLE outbox ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0;

-- A message that is leased is due when its lease ends. Read by this, no publisher looks at what it may not take.
CREATE INDEX outbox_due_at ON outbox (max(next_at, leased_until)) WHERE state = 'pending';
DROP INDEX outbox_due;
-- Who was driven longest ago comes first: a redrive that goes on takes nobody twice.
CREATE INDEX outbox_parked ON outbox (driven_at, id) WHERE state = 'parked';

-- Read by operators from the newest end, pruned from the oldest.
CREATE INDEX dead_letter_at ON dead_letter (at, id);
