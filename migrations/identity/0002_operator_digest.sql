-- How ADMIN_PASSWORD reaches an account that exists, and how few admins are counted without reading everybody.

-- A keyed digest of the ADMIN_PASSWORD last applied to the account, as "<id of the key>.<digest>"; null where none was.
ALTER TABLE account ADD COLUMN operator_digest TEXT;

-- Queries must spell the condition exactly like this to be answered from it.
CREATE INDEX account_admin ON account (id) WHERE instr(roles, '"admin"') > 0;
