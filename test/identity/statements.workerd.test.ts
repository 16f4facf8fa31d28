import { env as anyEnv } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { wire } from "../../src/identity/wire.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { disagreements } from "../support/databases/statement-bounds.ts";
import { db } from "./support/identity-worker.ts";

/** docs/design/identity.md */
const { STATEMENTS_DOC } = anyEnv as unknown as { readonly STATEMENTS_DOC: string };

/** Of each kind: more than any bound. */
const ROWS = 25_000;

/**
 * Sessions that are over, each with its tokens, live ones, and erasures that are not due, or put
 * off by a clock gone wrong.
 */
async function fill(): Promise<void> {
  const nowMs = Date.now();
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})`;
  const sessions = (prefix: string, expiresAt: string, revokedAt: string): string => `
    INSERT INTO session (id, account_id, created_at, expires_at, revoked_at)
    ${numbers} SELECT '${prefix}' || i, 'account-' || i, 0, ${expiresAt}, ${revokedAt} FROM n`;
  const erasures = (prefix: string, nextAt: string, doneAt: string): string => `
    INSERT INTO erasure (user_id, requested_at, attempts, next_at, done_at)
    ${numbers} SELECT '${prefix}' || i, 0, 1, ${nextAt}, ${doneAt} FROM n`;
  const statements = [
    sessions("expired-", "1", "NULL"),
    sessions("revoked-", String(nowMs + 1e9), "i"),
    sessions("live-", String(nowMs + 1e9), "NULL"),
    `INSERT INTO refresh_token (hash, session_id, issued_at, expires_at)
      SELECT session.id || '-' || k.value, session.id, 0, ${nowMs + 1e9} FROM session, json_each('[1,2]') AS k`,
    `INSERT INTO refresh_token (hash, session_id, issued_at, expires_at) ${numbers} SELECT 'old-' || i, 'live-1', 0, 1 FROM n`,
    erasures("waiting-", `${nowMs} + 60000 + i`, "NULL"),
    erasures("done-", "0", "1"),
    `INSERT INTO erasure (user_id, requested_at, attempts, next_at) VALUES ('due', 0, 1, 0), ('wrong', 0, 1, ${nowMs + 1e12})`,
  ];
  for (const statement of statements) await db.prepare(statement).run();
}

describe("what identity does by itself", () => {
  it("reads no more rows than the design says of each statement, however much there is", async () => {
    await fill();
    const { metered, statements } = meteredD1(db);
    const { sweep } = wire({ ...anyEnv, IDENTITY_DB: metered });
    await sweep(Date.now());
    expect(disagreements(STATEMENTS_DOC, statements)).toEqual([]);
  });
});
