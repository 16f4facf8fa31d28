import type { LedgerChange, LedgerName } from "../../contracts/ledger.ts";
import type { ChangeStore } from "../biz/ports.ts";
import { d1Call } from "../../platform/d1-call.ts";

const AFTER = `
  SELECT c.seq AS seq, a.user_id AS userId, c.transfer_id AS transferId, c.amount AS amount, c.balance AS balance, c.at AS at
  FROM change_log c JOIN account a ON a.id = c.account_id WHERE c.seq > ?1 ORDER BY c.seq LIMIT ?2`;
const PUBLISHED_SEQ = "SELECT published_seq AS seq FROM change_stream WHERE id = 1";
const PUBLISHED = "UPDATE change_stream SET published_seq = max(published_seq, ?1) WHERE id = 1";
const ENABLE = "UPDATE change_stream SET enabled = ?1 WHERE id = 1 AND enabled <> ?1";

/** The change log of one ledger's D1. */
export function d1Changes(db: D1Database, ledger: LedgerName): ChangeStore {
  return {
    async after(seq, limit) {
      const { results } = await d1Call("read changes", () =>
        db.prepare(AFTER).bind(seq, limit).all<Omit<LedgerChange, "ledger">>(),
      );
      return results.map((change) => ({ ...change, ledger }));
    },

    async publishedSeq() {
      const row = await d1Call("read the cursor of changes", () =>
        db.prepare(PUBLISHED_SEQ).first<{ seq: number }>(),
      );
      return row?.seq ?? 0;
    },

    async published(seq) {
      await d1Call("move the cursor of changes", () => db.prepare(PUBLISHED).bind(seq).run());
    },

    async enable(enabled) {
      await d1Call("switch the change log", () =>
        db
          .prepare(ENABLE)
          .bind(enabled ? 1 : 0)
          .run(),
      );
    },
  };
}
