import {
  decodeProtectedHeader,
  errors as joseErrors,
  jwtVerify,
  SignJWT,
  type CryptoKey,
  type JWTPayload,
} from "jose";
import type { Principal } from "../../contracts/call-context.ts";
import { isCellName, MAIN_CELL } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import { INTERNAL_ISSUER, INTERNAL_TOKEN_TYPE } from "../../contracts/internal-request.ts";
import { isRole } from "../../contracts/permissions.ts";
import { BoundedCache } from "../../resilience/bounded-cache.ts";
import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { importEd25519, type PrivateKeyJwk, type PublicKeyJwk } from "../jwk.ts";

/**
 * How long an internal token is valid, and for how long the gateway hands out the same one. The
 * difference is what a request may take.
 */
const TTL_MS = 60_000;
const REUSE_MS = 20_000;
const CACHE_ENTRIES_MAX = 10_000;
/**
 * How far a BFF's clock may be from the gateway's. Much against the token's own life, which it
 * makes longer; but a clock that is a minute off would otherwise refuse every request, and the
 * token is good for one BFF only and never leaves the platform.
 */
const CLOCK_SKEW_MS = 300_000;

/** Mints the token for one worker. `principal` is null on routes anybody may call. */
export type InternalTokenMinter = (principal: Principal | null, audience: string) => Promise<string>;

/**
 * The caller a token speaks for. Throws `UNAUTHENTICATED` for a token that is missing, forged,
 * expired or meant for another worker, and `UNAVAILABLE` for one of a key that isn't known: the
 * gateway has got a new one before its BFFs have, and no client should throw a good token away for
 * that.
 */
export type InternalTokenVerifier = (token: string | null) => Promise<Principal | null>;

/**
 * The gateway's side: signs with the key only it holds. Tokens are reused for {@link REUSE_MS} per
 * audience and what they say.
 */
export function internalTokenMinter(privateJwk: PrivateKeyJwk, now: Clock): InternalTokenMinter {
  // On a steady clock: a token made while the clock was a month ahead is not handed out for a
  // month.
  const time = new SteadyTime(REUSE_MS);
  const minted = new BoundedCache<string>({ entriesMax: CACHE_ENTRIES_MAX, now: () => time.at(now()) });
  let key: CryptoKey | null = null;
  return async function mintInternalToken(principal, audience) {
    const cacheKey = principal === null ? audience : `${audience} ${saidOf(principal)}`;
    const known = minted.get(cacheKey);
    if (known !== undefined) return known;
    key ??= await importEd25519(privateJwk);
    const issuedAtMs = now();
    const unsigned = new SignJWT(claimsOf(principal))
      .setProtectedHeader({ alg: "EdDSA", kid: privateJwk.kid, typ: INTERNAL_TOKEN_TYPE })
      .setIssuer(INTERNAL_ISSUER)
      .setAudience(audience)
      .setIssuedAt(Math.floor(issuedAtMs / 1000))
      .setExpirationTime(Math.ceil((issuedAtMs + TTL_MS) / 1000));
    if (principal !== null) unsigned.setSubject(principal.userId);
    const token = await unsigned.sign(key);
    minted.set(cacheKey, token, time.at(issuedAtMs) + REUSE_MS);
    return token;
  };
}

/**
 * Tells apart all that a session's tokens may say. Its access token says the cell or not, by which
 * release of identity has made it: kept by the session alone, one without would send to `main`.
 */
function saidOf({ sessionId, roles, cell = MAIN_CELL }: Principal): string {
  return `${sessionId} ${cell} ${roles.join(",")}`;
}

/** What a token says of its user beside their name; {@link principalOf} reads it. */
export function claimsOf(principal: Principal | null): JWTPayload {
  if (principal === null) return { roles: [] };
  const { roles, sessionId, cell } = principal;
  return { roles: [...roles], sid: sessionId, ...(cell !== undefined && { cell }) };
}

interface VerifierOptions {
  readonly jwks: { readonly keys: readonly PublicKeyJwk[] };
  /** Name of the worker that verifies: tokens for others are refused. */
  readonly audience: string;
  readonly now: Clock;
}

interface Verified {
  readonly principal: Principal | null;
}

/**
 * A worker's side: holds public keys only, so it can mint for nobody. Verified tokens are
 * remembered until they expire.
 */
export function internalTokenVerifier({ jwks, audience, now }: VerifierOptions): InternalTokenVerifier {
  const verified = new BoundedCache<Verified>({ entriesMax: CACHE_ENTRIES_MAX, now });
  const keys = new Map<string, CryptoKey>();

  async function keyOf(kid: string | undefined): Promise<CryptoKey> {
    const known = keys.get(kid ?? "");
    if (known !== undefined) return known;
    const jwk = jwks.keys.find((candidate) => candidate.kid === kid);
    if (jwk === undefined) throw new joseErrors.JWKSNoMatchingKey();
    const key = await importEd25519(jwk);
    keys.set(jwk.kid, key);
    return key;
  }

  return async function verifyInternalToken(token) {
    if (token === null) throw new CodedError("UNAUTHENTICATED", "No internal token");
    const known = verified.get(token);
    if (known !== undefined) return known.principal;
    try {
      // A gateway of the release before says nothing of the kind.
      const kind = decodeProtectedHeader(token).typ === undefined ? {} : { typ: INTERNAL_TOKEN_TYPE };
      const { payload } = await jwtVerify(token, (header) => keyOf(header.kid), {
        algorithms: ["EdDSA"],
        issuer: INTERNAL_ISSUER,
        audience,
        clockTolerance: CLOCK_SKEW_MS / 1000,
        currentDate: new Date(now()),
        requiredClaims: ["exp", "iat"],
        ...kind,
      });
      const principal = principalOf(payload);
      verified.set(token, { principal }, (payload.exp ?? 0) * 1000 + CLOCK_SKEW_MS);
      return principal;
    } catch (cause) {
      if (cause instanceof joseErrors.JWKSNoMatchingKey)
        throw new CodedError("UNAVAILABLE", "The gateway's key is not known here", { cause });
      throw new CodedError("UNAUTHENTICATED", "The internal token was refused", { cause });
    }
  };
}

/**
 * Reads user, session, roles and cell out of verified claims; null for a token without a subject.
 * What names nobody, no session, or something that is no cell, is refused: a user of another cell
 * would be looked for in `main`.
 */
export function principalOf(claims: {
  readonly sub?: unknown;
  readonly [claim: string]: unknown;
}): Principal | null {
  const { sub, sid, roles, cell } = claims;
  if (sub === undefined) return null;
  if (!isName(sub) || !isName(sid) || !Array.isArray(roles))
    throw new TypeError("the token names a user but no session or roles");
  if (cell !== undefined && !isCellName(cell)) throw new TypeError("the token names no possible cell");
  const principal = { userId: sub, sessionId: sid, roles: roles.filter(isRole) };
  return cell === undefined || cell === MAIN_CELL ? principal : { ...principal, cell };
}

function isName(claim: unknown): claim is string {
  return typeof claim === "string" && claim !== "";
}
