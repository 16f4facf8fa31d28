import { asc, gt, isNull, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { AuditLine } from "../../contracts/audit.ts";
import { CLOCK_SKEW_MS } from "../biz/lifetimes.ts";
import type {
  DistrustedKey,
  NextKey,
  ReplacementKey,
  SigningKeyRecord,
  SigningKeyStore,
} from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/d1-call.ts";
import { signingKey } from "./schema.ts";

const INSERT_KEY =
  "INSERT INTO signing_key (kid, public_jwk, sealed_private_key, created_at, signs_from) SELECT ?1, ?2, ?3, ?4, ?5";
const FEWER_LIVE = "(SELECT count(*) FROM signing_key WHERE verify_until IS NULL OR verify_until > ?4) < ?6";
const ADD_FIRST = `${INSERT_KEY} WHERE NOT EXISTS (SELECT 1 FROM signing_key)`;
const ADD_NEXT = `${INSERT_KEY} WHERE ${FEWER_LIVE} RETURNING kid`;
/**
 * Times of two clocks are compared: one that is a month ahead must not put the cure off for a
 * month.
 */
const ADD_REPLACEMENT = `${INSERT_KEY}
  WHERE ${FEWER_LIVE}
    AND EXISTS (SELECT 1 FROM signing_key WHERE kid = ?7)
    AND NOT EXISTS (SELECT 1 FROM signing_key WHERE kid <> ?7 AND verify_until IS NULL)
    AND NOT EXISTS (SELECT 1 FROM signing_key WHERE abs(created_at - ?4) < ?8)
  RETURNING kid`;
const ADD_INSTEAD = `${INSERT_KEY}
  WHERE EXISTS (SELECT 1 FROM signing_key WHERE kid = ?6 AND (verify_until IS NULL OR verify_until > ?7)) RETURNING kid`;

/**
 * Whatever was committed before comes before, by whichever clock: a rotation that was slow to
 * commit, or whose clock is ahead, leaves no retired key that begins to sign behind its successor.
 * And none verifies for longer than the newest of those retired now.
 */
const RETIRE_OTHERS = `
  UPDATE signing_key SET signs_from = min(signs_from, ?3 - 1), verify_until = min(coalesce(verify_until, ?2), ?2)
  WHERE kid <> ?1 AND EXISTS (SELECT 1 FROM signing_key WHERE kid = ?1)`;
/** Zero is over on every clock, also on one that is behind. */
const END_KEY =
  "UPDATE signing_key SET verify_until = 0 WHERE kid = ?2 AND EXISTS (SELECT 1 FROM signing_key WHERE kid = ?1)";
const IS_KNOWN = "SELECT 1 FROM signing_key WHERE kid = ?1";
const AUDIT_KEY = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?1, ?2, ?3, ?5, kid, json_object('signsFromMs', signs_from) FROM signing_key WHERE kid = ?4`;
const AUDIT_DISTRUST = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?1, ?2, ?3, 'distrust-key', ?5, json_object('kid', kid, 'signsFromMs', signs_from) FROM signing_key WHERE kid = ?4`;

function columnsOf({ kid, publicJwk, sealedPrivateKey, createdAtMs, signsFromMs }: SigningKeyRecord) {
  return [kid, JSON.stringify(publicJwk), sealedPrivateKey, createdAtMs, signsFromMs] as const;
}

/**
 * Signing keys in D1, private halves sealed. Each change is one batch whose later statements ask
 * whether the key of the first one is there.
 */
export function d1SigningKeys(db: D1Database): SigningKeyStore {
  const orm = drizzle(db);
  const retire = ({ key, othersVerifyUntilMs }: Pick<NextKey, "key" | "othersVerifyUntilMs">) =>
    db.prepare(RETIRE_OTHERS).bind(key.kid, othersVerifyUntilMs, key.signsFromMs);
  const note = ({ id, atMs, actor }: AuditLine, kid: string, action: string) =>
    db.prepare(AUDIT_KEY).bind(id, atMs, actor, kid, action);

  return {
    live: (nowMs) =>
      d1Call("read the signing keys", () =>
        orm
          .select()
          .from(signingKey)
          .where(or(isNull(signingKey.verifyUntilMs), gt(signingKey.verifyUntilMs, nowMs)))
          .orderBy(asc(signingKey.signsFromMs), asc(signingKey.kid)),
      ),

    async addFirst(key) {
      await d1Batch("add the first signing key", db, [db.prepare(ADD_FIRST).bind(...columnsOf(key))]);
    },

    async addNext(next: NextKey) {
      const results = await d1Batch("add a signing key", db, [
        db.prepare(ADD_NEXT).bind(...columnsOf(next.key), next.liveMax),
        retire(next),
        note(next.audit, next.key.kid, "rotate-keys"),
      ]);
      return gaveRow(results, 0);
    },

    async replace(next: ReplacementKey) {
      const { key, liveMax, newestKid, spacingMs } = next;
      const results = await d1Batch("replace signing keys that can't be opened", db, [
        db.prepare(ADD_REPLACEMENT).bind(...columnsOf(key), liveMax, newestKid, spacingMs),
        retire(next),
        note(next.audit, key.kid, "replace-keys"),
      ]);
      return gaveRow(results, 0);
    },

    async distrust(distrusted: DistrustedKey) {
      const { key, kid, audit } = distrusted;
      const results = await d1Batch("end a signing key", db, [
        db.prepare(ADD_INSTEAD).bind(...columnsOf(key), kid, key.createdAtMs - CLOCK_SKEW_MS),
        retire(distrusted),
        db.prepare(END_KEY).bind(key.kid, kid),
        db.prepare(AUDIT_DISTRUST).bind(audit.id, audit.atMs, audit.actor, key.kid, kid),
        db.prepare(IS_KNOWN).bind(kid),
      ]);
      if (gaveRow(results, 0)) return "distrusted";
      return gaveRow(results, 4) ? "over" : "unknown";
    },
  };
}
