-- One ledger: accounts, double entry, transfers with their keys, outbox, inbox, change stream. Times are ms since the epoch, amounts minor units.

CREATE TABLE account (
  -- 'user:<user id>', 'clearing' or 'equity'.
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('user', 'clearing', 'equity')),
  balance INTEGER NOT NULL DEFAULT 0,
  -- What has left this account and is neither settled nor refunded.
  in_flight INTEGER NOT NULL DEFAULT 0,
  opened_at INTEGER NOT NULL,
  -- Takes no credit from outside any more.
  closed_at INTEGER,
  -- The last line of defence: no rule relies on it.
  CHECK (kind <> 'user' OR (balance >= 0 AND in_flight >= 0))
) STRICT, WITHOUT ROWID;
INSERT INTO account (id, kind, opened_at) VALUES ('clearing', 'clearing', 0), ('equity', 'equity', 0);

-- Double entry: the entries of a transfer sum to zero. Each account's lie together, and an account has one of each transfer at most.
CREATE TABLE entry (
  account_id TEXT NOT NULL,
  transfer_id TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount <> 0),
  -- The account on the other side, so that a transfer can be found by its id through the clearing account.
  contra_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (account_id, transfer_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER entry_never_updated BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never updated'); END;
CREATE TRIGGER entry_never_deleted BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;

-- What callers asked this ledger for, and their keys, for good.
CREATE TABLE transfer (
  -- The caller. Keys are scoped to (caller, operation); what leaves this ledger is kept here only, so `from` is the ledger itself.
  owner TEXT NOT NULL,
  -- UUIDv7: the order of ids is that of time.
  id TEXT NOT NULL,
  operation TEXT NOT NULL CHECK (operation IN ('transfer', 'deposit', 'refund')),
  idempotency_key TEXT NOT NULL,
  payload_hash TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'settled', 'refunded', 'failed')),
  created_at INTEGER NOT NULL,
  -- When it was settled or refunded.
  ended_at INTEGER,
  PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX transfer_key ON transfer (owner, operation, idempotency_key);

-- Messages that the other ledger has not confirmed. A settled or refunded one is deleted with the transaction that ends it.
CREATE TABLE outbox (
  -- The transfer's id.
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  amount INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'parked')),
  -- Sends so far, the fast path's included.
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  leased_until INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  -- From when its retries are counted: its creation, or the last redrive.
  driven_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 'pending';

-- The dedupe ledger: what became of each message that came in.
CREATE TABLE inbox (
  consumer TEXT NOT NULL,
  message_id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('credited', 'void')),
  -- The one attempt that may act on it.
  attempt_token TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (consumer, message_id)
) STRICT, WITHOUT ROWID;

-- What the change stream publishes: one row for each entry of a user's account. The newest row is never pruned, or its number would come again.
CREATE TABLE change_log (
  seq INTEGER PRIMARY KEY,
  account_id TEXT NOT NULL,
  transfer_id TEXT NOT NULL,
  amount INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE TABLE change_stream (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  enabled INTEGER NOT NULL,
  published_seq INTEGER NOT NULL
) STRICT;
INSERT INTO change_stream (id, enabled, published_seq) VALUES (1, 1, 0);
CREATE TRIGGER entry_changes_account AFTER INSERT ON entry
WHEN NEW.account_id NOT IN ('clearing', 'equity') AND (SELECT enabled FROM change_stream WHERE id = 1) = 1
BEGIN
  INSERT INTO change_log (account_id, transfer_id, amount, balance, at)
  SELECT NEW.account_id, NEW.transfer_id, NEW.amount, balance, NEW.at FROM account WHERE id = NEW.account_id;
END;

-- Deliveries the queue gave up on, or that nobody could read.
CREATE TABLE dead_letter (
  id TEXT PRIMARY KEY NOT NULL,
  body TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id TEXT PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  -- A JSON object.
  detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;
