import type { AuditView } from "../../contracts/audit.ts";
import { d1Call } from "../../platform/d1-call.ts";
import type { AuditTrail } from "../biz/ports.ts";

/** 1 limit, 2 before. Ids are UUIDv7, so their order is that of time. */
const LIST =
  "SELECT id, at, actor, action, target, detail FROM audit WHERE id < ?2 ORDER BY id DESC LIMIT ?1";
/** Behind every UUID. */
const END = "g";

/** The audit trail in one ledger's D1. */
export function d1Audit(db: D1Database): AuditTrail {
  return {
    async list(limit, before) {
      const page = db.prepare(LIST).bind(limit, before ?? END);
      const { results } = await d1Call("read the audit trail", () =>
        page.all<Omit<AuditView, "detail"> & { readonly detail: string }>(),
      );
      return results.map((line) => ({ ...line, detail: JSON.parse(line.detail) as unknown }));
    },
  };
}
