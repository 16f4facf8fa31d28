import { desc, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { d1Call } from "../../platform/database/d1-call.ts";
import type { AuditTrail } from "../biz/ports.ts";
import { audit } from "./schema.ts";

/** Behind every UUID. */
const END = "g";

/** The audit trail of identity in D1. Ids are UUIDv7, so their order is that of time. */
export function d1Audit(db: D1Database): AuditTrail {
  const orm = drizzle(db);
  return {
    async list(limit, before) {
      const page = orm
        .select()
        .from(audit)
        .where(lt(audit.id, before ?? END))
        .orderBy(desc(audit.id))
        .limit(limit);
      const lines = await d1Call("read the audit trail", () => page);
      return lines.map(({ atMs, detail, ...line }) => ({
        ...line,
        at: atMs,
        detail: JSON.parse(detail) as unknown,
      }));
    },
  };
}
