-- Accounts, sessions, signing keys, erasures and the audit trail. Times are ms since the epoch.

CREATE TABLE account (
  id TEXT PRIMARY KEY NOT NULL,
  -- Case-folded, so that uniqueness is that of the mailbox.
  email TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  -- A JSON array of role names.
  roles TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
  id TEXT PRIMARY KEY NOT NULL,
  account_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  -- Unique and rising in the order of commits: the revocation list is read as a log by this column.
  revoked_at INTEGER,
  revoke_reason TEXT
) STRICT;
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expiry ON session (expires_at);
CREATE UNIQUE INDEX session_revocation ON session (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE refresh_token (
  -- SHA-256 of the token in base64url. The token itself is with the client only.
  hash TEXT PRIMARY KEY NOT NULL,
  session_id TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  -- The one attempt that got to use it.
  used_by TEXT
) STRICT;
CREATE INDEX refresh_token_session ON refresh_token (session_id);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

CREATE TABLE signing_key (
  kid TEXT PRIMARY KEY NOT NULL,
  public_jwk TEXT NOT NULL,
  -- AES-256-GCM under the worker's secret, with the kid as additional data.
  sealed_private_key TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  signs_from INTEGER NOT NULL,
  -- Null while no later key has been announced.
  verify_until INTEGER
) STRICT;

CREATE TABLE erasure (
  user_id TEXT PRIMARY KEY NOT NULL,
  requested_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  -- Once set, the row stays as the mark that this user was erased.
  done_at INTEGER,
  last_error TEXT
) STRICT;
CREATE INDEX erasure_due ON erasure (next_at) WHERE done_at IS NULL;

CREATE TABLE audit (
  id TEXT PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  -- A JSON object.
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at);
