import * as z from "zod";
import { d1Call } from "../../platform/database/d1-call.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { Overview } from "../biz/ports.ts";

const COUNTS = namedSql(`SELECT
  (SELECT count(*) FROM account) AS accounts,
  (SELECT count(*) FROM session WHERE revoked_at IS NULL AND expires_at > :nowMs) AS activeSessions,
  (SELECT count(*) FROM erasure WHERE done_at IS NULL) AS erasuresPending,
  (SELECT count(*) FROM signing_key WHERE verify_until IS NULL OR verify_until > :nowMs) AS signingKeys`);
const countsSchema = z.object({
  accounts: z.int(),
  activeSessions: z.int(),
  erasuresPending: z.int(),
  signingKeys: z.int(),
});

/** Looks over the whole database: what it holds, and whether it answers. */
export function d1Overview(db: D1Database): Overview {
  return {
    async count(nowMs) {
      return countsSchema.parse(
        await d1Call("count what identity holds", () => bound(db, COUNTS, { nowMs }).first()),
      );
    },

    async ping() {
      await d1Call("reach the identity database", () => db.prepare("SELECT 1").first());
    },
  };
}
