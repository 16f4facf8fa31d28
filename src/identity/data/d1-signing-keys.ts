import { asc, gt, isNull, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { NextKey, SigningKeyRecord, SigningKeyStore } from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/d1-call.ts";
import { signingKey } from "./schema.ts";

const INSERT_KEY = "INSERT INTO signing_key (kid, public_jwk, sealed_private_key, created_at, signs_from) SELECT ?1, ?2, ?3, ?4, ?5";
const ADD_FIRST = `${INSERT_KEY} WHERE NOT EXISTS (SELECT 1 FROM signing_key)`;
const ADD_NEXT = `${INSERT_KEY}
  WHERE (SELECT count(*) FROM signing_key WHERE verify_until IS NULL OR verify_until > ?4) < ?6 RETURNING kid`;
const RETIRE_OTHERS = `
  UPDATE signing_key SET verify_until = ?2
  WHERE verify_until IS NULL AND kid <> ?1 AND EXISTS (SELECT 1 FROM signing_key WHERE kid = ?1)`;
const AUDIT_ROTATION = `
  INSERT INTO audit (id, at, actor, action, target, detail)
  SELECT ?1, ?2, ?3, 'rotate-keys', kid, json_object('signsFromMs', signs_from) FROM signing_key WHERE kid = ?4`;

function columnsOf({ kid, publicJwk, sealedPrivateKey, createdAtMs, signsFromMs }: SigningKeyRecord) {
  return [kid, JSON.stringify(publicJwk), sealedPrivateKey, createdAtMs, signsFromMs] as const;
}

/** Signing keys in D1, private halves sealed. */
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
      await d1Batch("add the first signing key", db, [db.prepare(ADD_FIRST).bind(...columnsOf(key))]);
    },

    async addNext({ key, othersVerifyUntilMs, liveMax, audit }: NextKey) {
      const results = await d1Batch("add a signing key", db, [
        db.prepare(ADD_NEXT).bind(...columnsOf(key), liveMax),
        db.prepare(RETIRE_OTHERS).bind(key.kid, othersVerifyUntilMs),
        db.prepare(AUDIT_ROTATION).bind(audit.id, audit.atMs, audit.actor, key.kid),
      ]);
      return gaveRow(results, 0);
    },
  };
}
