import { decodeProtectedHeader, jwtVerify, type CryptoKey } from "jose";
import type { Principal } from "../../contracts/call-context.ts";
import { CodedError, codeOf, type ErrorCode } from "../../contracts/errors.ts";
import {
  ACCESS_TOKEN_AUDIENCE,
  ACCESS_TOKEN_ISSUER,
  ACCESS_TOKEN_TYPE,
  ACCESS_TOKEN_TYPE_BEFORE,
} from "../../contracts/internal-request.ts";
import { principalOf } from "../bff/internal-token.ts";
import { CallTimeoutError, requestTimer } from "../guard/call-timer.ts";
import { importEd25519 } from "../jwk.ts";
import { freshTrust, patienceMs, type FreshTrustDeps } from "./fresh-trust.ts";
import { BoundedCache } from "../../resilience/bounded-cache.ts";

/**
 * Finds out who holds an `Authorization` header, in the time that the request has; `request` tells
 * the trust store under which host it came. Throws `UNAUTHENTICATED`, `UNAVAILABLE`,
 * `SPENDING_CAP`, `DEADLINE_EXCEEDED`.
 */
export type Authenticate = (
  authorization: string | null,
  deadlineAtMs: number,
  request?: { readonly url: string },
) => Promise<Principal>;

/** Who holds a verified token, and by which key it was verified. */
interface VerifiedToken {
  readonly principal: Principal;
  readonly kid: string;
}

/** What callers hear as it is: everything else is a token that can't be verified. */
const TOLD: ReadonlySet<ErrorCode> = new Set(["UNAUTHENTICATED", "UNAVAILABLE", "SPENDING_CAP"]);
const TOKENS_MAX = 20_000;
const TOKEN_LENGTH_MAX = 4_096;
const CLOCK_SKEW_S = 5;
const BEARER_SCHEME = /^bearer\b/i;
/** RFC 9110, 11.1 and RFC 6750, 2.1: the scheme in any case, and one blank or more. */
const BEARER = /^bearer +([^ ]+)$/i;
const USUAL = "Bearer ";
/**
 * A signed token. Base64url leaves four bits of an Ed25519 signature's last character unused, so
 * that a decoder takes sixteen spellings of each token for the same: the one with zeros there is
 * the token, the others are none.
 */
const JWS = /^[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]$/;

/**
 * Verifies access tokens against identity's keys. A verified token is remembered until it expires,
 * by itself and not by the header, so that an EdDSA verification is paid once a token and not once
 * a heartbeat; whether its session is revoked, and its key still counts, is looked up every time.
 */
export function accessTokenAuthenticator(deps: FreshTrustDeps): Authenticate {
  const { trust, now } = deps;
  const verified = new BoundedCache<VerifiedToken>({ entriesMax: TOKENS_MAX, now });
  const keys = new BoundedCache<CryptoKey>({ entriesMax: 64, now });

  async function keyOf(kid: string | undefined): Promise<CryptoKey> {
    if (kid === undefined) throw new TypeError("the token names no key");
    const jwk = await trust.keyOf(kid);
    if (jwk === undefined) throw new TypeError("the token's key is unknown");
    const cacheKey = `${kid} ${jwk.x}`;
    const known = keys.get(cacheKey);
    if (known !== undefined) return known;
    const key = await importEd25519(jwk);
    keys.set(cacheKey, key, Number.POSITIVE_INFINITY);
    return key;
  }

  async function verify(token: string): Promise<VerifiedToken> {
    if (token.length > TOKEN_LENGTH_MAX || !JWS.test(token)) throw new TypeError("that is no signed token");
    const { payload, protectedHeader } = await jwtVerify(token, (header) => keyOf(header.kid), {
      algorithms: ["EdDSA"],
      issuer: ACCESS_TOKEN_ISSUER,
      audience: ACCESS_TOKEN_AUDIENCE,
      clockTolerance: CLOCK_SKEW_S,
      currentDate: new Date(now()),
      requiredClaims: ["exp", "iat", "sub"],
      // Of the release before there are tokens for ten minutes more, and in a deployment an
      // identity that makes them.
      typ:
        decodeProtectedHeader(token).typ === ACCESS_TOKEN_TYPE_BEFORE
          ? ACCESS_TOKEN_TYPE_BEFORE
          : ACCESS_TOKEN_TYPE,
    });
    const principal = principalOf(payload);
    if (principal === null) throw new TypeError("the token names no user");
    const known = { principal, kid: protectedHeader.kid ?? "" };
    verified.set(token, known, (payload.exp ?? 0) * 1000);
    return known;
  }

  return async function authenticate(authorization, deadlineAtMs, request) {
    if (authorization === null) throw new CodedError("UNAUTHENTICATED", "An access token is required");
    const token = bearerOf(authorization);
    const waiting = freshTrust(deps, deadlineAtMs, request);
    if (waiting !== undefined) await waiting;
    if (trust.keys.length === 0) throw trust.notToBeHad("The keys that verify tokens cannot be had yet");
    const known = verified.get(token);
    const { principal } =
      known !== undefined && trust.hasKey(known.kid) ? known : await verifyWithTimeout(token, deadlineAtMs);
    if (trust.isRevoked(principal.sessionId)) throw notValid("The session has ended");
    return principal;
  };

  async function verifyWithTimeout(token: string, deadlineAtMs: number): Promise<VerifiedToken> {
    try {
      return await requestTimer.withTimeout(verify(token), patienceMs(deadlineAtMs, now()));
    } catch (cause) {
      if (TOLD.has(codeOf(cause))) throw cause;
      if (cause instanceof CallTimeoutError)
        throw new CodedError("DEADLINE_EXCEEDED", "The token's key could not be had in time", { cause });
      throw notValid("The access token is not valid", cause);
    }
  }
}

function bearerOf(authorization: string): string {
  // All but all come like this, and a search is dearer.
  if (authorization.startsWith(USUAL) && authorization[USUAL.length] !== " ")
    return authorization.slice(USUAL.length);
  const token = authorization.length <= TOKEN_LENGTH_MAX ? BEARER.exec(authorization)?.[1] : undefined;
  if (token !== undefined) return token;
  // With another scheme there was no token that could have a fault.
  const why = "Authorization must be a bearer token";
  throw BEARER_SCHEME.test(authorization) ? notValid(why) : new CodedError("UNAUTHENTICATED", why);
}

function notValid(message: string, cause?: unknown): CodedError {
  return new CodedError("UNAUTHENTICATED", message, { cause, tokenFault: "invalid_token" });
}
