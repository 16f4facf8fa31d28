import { asc, gt, isNull, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { CLOCK_SKEW_MS } from "../biz/lifetimes.ts";
import type {
  DistrustedKey,
  NextKey,
  ReplacementKey,
  SigningKeyRecord,
  SigningKeyStore,
} from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { signingKey } from "./schema.ts";

const INSERT_KEY = `
  INSERT INTO signing_key (kid, public_jwk, sealed_private_key, created_at, signs_from)
  SELECT :kid, :publicJwk, :sealedPrivateKey, :createdAtMs, :signsFromMs`;
const FEWER_LIVE = `(
  SELECT count(*) FROM signing_key WHERE verify_until IS NULL OR verify_until > :createdAtMs) < :liveMax`;
const ADD_FIRST = namedSql(`${INSERT_KEY} WHERE NOT EXISTS (SELECT 1 FROM signing_key)`);
const ADD_NEXT = namedSql(`${INSERT_KEY} WHERE ${FEWER_LIVE} RETURNING kid`);
/**
 * Times of two clocks are compared: one that is a month ahead must not put the cure off for a
 * month.
 */
const ADD_REPLACEMENT = namedSql(`${INSERT_KEY}
  WHERE ${FEWER_LIVE}
    AND EXISTS (SELECT 1 FROM signing_key WHERE kid = :newestKid)
    AND NOT EXISTS (SELECT 1 FROM signing_key WHERE kid <> :newestKid AND verify_until IS NULL)
    AND NOT EXISTS (SELECT 1 FROM signing_key WHERE abs(created_at - :createdAtMs) < :spacingMs)
  RETURNING kid`);
const ADD_INSTEAD = namedSql(`${INSERT_KEY}
  WHERE EXISTS (
    SELECT 1 FROM signing_key WHERE kid = :distrustedKid AND (verify_until IS NULL OR verify_until > :overMs))
  RETURNING kid`);

/**
 * Whatever was committed before comes before, by whichever clock: a rotation that was slow to
 * commit, or whose clock is ahead, leaves no retired key that begins to sign behind its successor.
 * And none verifies for longer than the newest of those retired now.
 */
const RETIRE_OTHERS = namedSql(`
  UPDATE signing_key SET signs_from = min(signs_from, :signsFromMs - 1),
    verify_until = min(coalesce(verify_until, :othersVerifyUntilMs), :othersVerifyUntilMs)
  WHERE kid <> :kid AND EXISTS (SELECT 1 FROM signing_key WHERE kid = :kid)`);
/** Zero is over on every clock, also on one that is behind. */
const END_KEY = namedSql(`
  UPDATE signing_key SET verify_until = 0
  WHERE kid = :distrustedKid AND EXISTS (SELECT 1 FROM signing_key WHERE kid = :kid)`);
const IS_KNOWN = namedSql("SELECT 1 FROM signing_key WHERE kid = :distrustedKid");
const AUDIT_KEY = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :auditAtMs, :actor, :action, kid, json_object('signsFromMs', signs_from)
  FROM signing_key WHERE kid = :kid`);
const AUDIT_DISTRUST = namedSql(`
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT :auditId, :auditAtMs, :actor, 'distrust-key', :distrustedKid,
    json_object('kid', kid, 'signsFromMs', signs_from)
  FROM signing_key WHERE kid = :kid`);

/** What a new key binds, whichever way it comes. */
function valuesOf({ kid, publicJwk, sealedPrivateKey, createdAtMs, signsFromMs }: SigningKeyRecord) {
  return { kid, publicJwk: JSON.stringify(publicJwk), sealedPrivateKey, createdAtMs, signsFromMs };
}

/** What the statements bind that come after the new key's own. */
function valuesAfter({ othersVerifyUntilMs, audit }: Pick<NextKey, "othersVerifyUntilMs" | "audit">) {
  return { othersVerifyUntilMs, auditId: audit.id, auditAtMs: audit.atMs, actor: audit.actor };
}

/**
 * Signing keys in D1, private halves sealed. Each change is one batch whose later statements ask
 * whether the key of the first one is there.
 */
export function d1SigningKeys(db: D1Database): SigningKeyStore {
  const orm = drizzle(db);
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
      await d1Batch("add the first signing key", db, boundAll(db, [ADD_FIRST], valuesOf(key)));
    },

    async addNext(next: NextKey) {
      const statements = boundAll(db, [ADD_NEXT, RETIRE_OTHERS, AUDIT_KEY], {
        ...valuesOf(next.key),
        ...valuesAfter(next),
        liveMax: next.liveMax,
        action: "rotate-keys",
      });
      return gaveRow(await d1Batch("add a signing key", db, statements), 0);
    },

    async replace(next: ReplacementKey) {
      const { key, liveMax, newestKid, spacingMs } = next;
      const statements = boundAll(db, [ADD_REPLACEMENT, RETIRE_OTHERS, AUDIT_KEY], {
        ...valuesOf(key),
        ...valuesAfter(next),
        liveMax,
        newestKid,
        spacingMs,
        action: "replace-keys",
      });
      return gaveRow(await d1Batch("replace signing keys that can't be opened", db, statements), 0);
    },

    async distrust(distrusted: DistrustedKey) {
      const { key, kid } = distrusted;
      const statements = [ADD_INSTEAD, RETIRE_OTHERS, END_KEY, AUDIT_DISTRUST, IS_KNOWN];
      const values = {
        ...valuesOf(key),
        ...valuesAfter(distrusted),
        distrustedKid: kid,
        overMs: key.createdAtMs - CLOCK_SKEW_MS,
      };
      const results = await d1Batch("end a signing key", db, boundAll(db, statements, values));
      if (gaveRow(results, 0)) return "distrusted";
      return gaveRow(results, 4) ? "over" : "unknown";
    },
  };
}
