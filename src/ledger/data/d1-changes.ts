import type { LedgerChange, LedgerName } from "../../contracts/ledger.ts";
import type { ChangeStore } from "../biz/ports.ts";
import { d1Batch, d1Call } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";

const AFTER = namedSql(`
  SELECT c.seq AS seq, a.user_id AS userId, c.transfer_id AS transferId, c.amount AS amount, c.balance AS balance, c.at AS at
  FROM change_log c JOIN account a ON a.id = c.account_id WHERE c.seq > :seq ORDER BY c.seq LIMIT :limit`);
const PUBLISHED_SEQ = namedSql("SELECT published_seq AS seq FROM change_stream WHERE id = 1");
const PUBLISHED = namedSql("UPDATE change_stream SET published_seq = max(published_seq, :seq) WHERE id = 1");
/**
 * A number that no change has: a reader of the stream finds a gap and knows that something happened
 * which it wasn't told. A row of nobody's account is read by nobody.
 */
const SKIP_SEQ = namedSql(`
  INSERT INTO change_log (account_id, transfer_id, amount, balance, at)
  SELECT '', '', 0, 0, 0 FROM change_stream
  WHERE id = 1 AND enabled = 0 AND :enabled = 1 AND EXISTS (SELECT 1 FROM change_log)`);
const ENABLE = namedSql(`
  UPDATE change_stream
  SET enabled = :enabled, published_seq = max(published_seq, (SELECT coalesce(max(seq), 0) FROM change_log))
  WHERE id = 1 AND enabled <> :enabled`);

/** The change log of one ledger's D1. */
export function d1Changes(db: D1Database, ledger: LedgerName): ChangeStore {
  return {
    async after(seq, limit) {
      const { results } = await d1Call("read changes", () =>
        bound(db, AFTER, { seq, limit }).all<Omit<LedgerChange, "ledger">>(),
      );
      return results.map((change) => ({ ...change, ledger }));
    },

    async publishedSeq() {
      const row = await d1Call("read the cursor of changes", () =>
        bound(db, PUBLISHED_SEQ).first<{ seq: number }>(),
      );
      return row?.seq ?? 0;
    },

    async published(seq) {
      await d1Call("move the cursor of changes", () => bound(db, PUBLISHED, { seq }).run());
    },

    async enable(enabled) {
      const statements = boundAll(db, [SKIP_SEQ, ENABLE], { enabled: enabled ? 1 : 0 });
      await d1Batch("switch the change log", db, statements);
    },
  };
}
