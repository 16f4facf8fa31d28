import { jwtVerify, SignJWT, type CryptoKey } from "jose";
import type { Principal } from "../contracts/call-context.ts";
import { CodedError } from "../contracts/errors.ts";
import {
  INTERNAL_ISSUER,
  TICKET_AUDIENCE,
  TICKET_TTL_S,
  TICKET_TYPE,
} from "../contracts/internal-request.ts";
import { claimsOf, principalOf } from "../platform/bff/internal-token.ts";
import { importEd25519, type PrivateKeyJwk } from "../platform/jwk.ts";
import { freshTrust, type FreshTrustDeps } from "../platform/trust/fresh-trust.ts";

/**
 * What opens a socket where no header can be set, as in a browser: a token of the gateway's own for
 * a session, short-lived since it is part of a URL.
 */
export interface Tickets {
  mint(principal: Principal): Promise<string>;
  /**
   * Whose ticket it is, in the time that the request has. Throws `UNAUTHENTICATED`, `UNAVAILABLE`,
   * `SPENDING_CAP`.
   */
  take(ticket: string, deadlineAtMs: number, request: { readonly url: string }): Promise<Principal>;
}

const LENGTH_MAX = 2_048;

/** Signed and verified by the gateway's own key: no other worker is asked, or told of one. */
export function socketTickets(jwk: PrivateKeyJwk, trustDeps: FreshTrustDeps): Tickets {
  const { trust, now } = trustDeps;
  let keys: { readonly own: CryptoKey; readonly shown: CryptoKey } | null = null;
  const imported = async () => {
    const { kty, crv, x, kid } = jwk;
    keys ??= { own: await importEd25519(jwk), shown: await importEd25519({ kty, crv, x, kid }) };
    return keys;
  };

  async function verified(ticket: string): Promise<Principal> {
    try {
      if (ticket.length > LENGTH_MAX) throw new TypeError("that is no ticket");
      const { payload } = await jwtVerify(ticket, (await imported()).shown, {
        algorithms: ["EdDSA"],
        typ: TICKET_TYPE,
        issuer: INTERNAL_ISSUER,
        audience: TICKET_AUDIENCE,
        currentDate: new Date(now()),
        requiredClaims: ["exp", "iat", "sub"],
      });
      const principal = principalOf(payload);
      if (principal === null) throw new TypeError("the ticket names no user");
      return principal;
    } catch (cause) {
      throw new CodedError("UNAUTHENTICATED", "The ticket is not valid any more, or none", { cause });
    }
  }

  return {
    async mint(principal) {
      const issuedAtS = Math.floor(now() / 1000);
      return new SignJWT(claimsOf(principal))
        .setProtectedHeader({ alg: "EdDSA", kid: jwk.kid, typ: TICKET_TYPE })
        .setIssuer(INTERNAL_ISSUER)
        .setAudience(TICKET_AUDIENCE)
        .setSubject(principal.userId)
        .setIssuedAt(issuedAtS)
        .setExpirationTime(issuedAtS + TICKET_TTL_S)
        .sign((await imported()).own);
    },

    async take(ticket, deadlineAtMs, request) {
      const waiting = freshTrust(trustDeps, deadlineAtMs, request);
      if (waiting !== undefined) await waiting;
      if (trust.keys.length === 0) throw trust.notToBeHad("Which sessions have ended cannot be had yet");
      const principal = await verified(ticket);
      if (trust.isRevoked(principal.sessionId))
        throw new CodedError("UNAUTHENTICATED", "The session has ended");
      return principal;
    },
  };
}
