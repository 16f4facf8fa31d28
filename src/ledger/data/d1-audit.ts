import type { AuditView } from "../../contracts/audit.ts";
import { d1Call } from "../../platform/database/d1-call.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { AuditTrail } from "../biz/ports.ts";

/** Ids are UUIDv7, so their order is that of time. */
const LIST = namedSql(
  "SELECT id, at, actor, action, target, detail FROM audit WHERE id < :before ORDER BY id DESC LIMIT :limit",
);
/** Behind every UUID. */
const END = "g";

/** The audit trail in one ledger's D1. */
export function d1Audit(db: D1Database): AuditTrail {
  return {
    async list(limit, before) {
      const page = bound(db, LIST, { limit, before: before ?? END });
      const { results } = await d1Call("read the audit trail", () =>
        page.all<Omit<AuditView, "detail"> & { readonly detail: string }>(),
      );
      return results.map((line) => ({ ...line, detail: JSON.parse(line.detail) as unknown }));
    },
  };
}
