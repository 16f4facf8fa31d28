import { env, exports } from "cloudflare:workers";
import { decodeProtectedHeader, decodeJwt, importJWK, jwtVerify, type JWTPayload } from "jose";
import type { CallContext, Principal } from "../../../src/contracts/call-context.ts";
import type {
  IdentityAccounts,
  IdentityOperations,
  IdentityTrust,
  TokenGrant,
} from "../../../src/contracts/identity.ts";
import { isRole } from "../../../src/contracts/permissions.ts";
import { plainPromises } from "../../support/workers/plain-promises.ts";
import type { FakeHistory } from "./fake-history.ts";

/** The worker under test as its callers reach it: over RPC, by the contract's types. */
interface IdentityExports {
  readonly Accounts: IdentityAccounts;
  readonly Trust: IdentityTrust;
  readonly Operations: IdentityOperations;
}

const { Accounts, Trust, Operations } = exports as unknown as IdentityExports;

export const accounts = plainPromises(Accounts);
export const trust = plainPromises(Trust);
export const operations = plainPromises(Operations);
export const history = env.HISTORY as unknown as FakeHistory;
export const db = env.IDENTITY_DB;

export function as(principal: Principal | null): CallContext {
  return { requestId: "request-1", traceparent: "", remainingMs: 10_000, principal };
}
export const anyone = as(null);
export const operator = as({ userId: "op", sessionId: "op-session", roles: ["admin"] });

export const PASSWORD = "correct horse";
let people = 0;

/** An account nobody else in the file uses. */
export async function newAccount(): Promise<{ readonly email: string; readonly userId: string }> {
  const email = `person-${(people += 1)}-${crypto.randomUUID()}@example.com`;
  return { email, ...(await accounts.register(anyone, { email, password: PASSWORD })) };
}

export function logIn(email: string, password = PASSWORD): Promise<TokenGrant> {
  return accounts.login(anyone, { email, password });
}

/** The caller a grant makes, as the gateway would read it from the token. */
export function bearerOf({ accessToken }: TokenGrant): CallContext {
  const { sub = "", sid, roles } = decodeJwt<{ sid: string; roles: unknown[] }>(accessToken);
  return as({ userId: sub, sessionId: sid, roles: roles.filter(isRole) });
}

/** Verifies an access token with the keys that gateways are given. */
export async function verified({ accessToken }: TokenGrant): Promise<JWTPayload> {
  const { keys } = await trust.snapshot(anyone, 0);
  const key = keys.find(({ kid }) => kid === decodeProtectedHeader(accessToken).kid);
  const options = { issuer: "playhead", audience: "playhead", algorithms: ["EdDSA"] };
  return (await jwtVerify(accessToken, await importJWK({ ...key }, "EdDSA"), options)).payload;
}

/** All sessions of the revocation list, pulled as a gateway pulls it. */
export async function revokedSessions(): Promise<readonly string[]> {
  const seen: string[] = [];
  let [sinceMs, more] = [0, true];
  while (more) {
    const snapshot = await trust.snapshot(anyone, sinceMs);
    seen.push(...snapshot.revoked.map(({ sessionId }) => sessionId));
    [sinceMs, more] = [snapshot.nextSinceMs, snapshot.more];
  }
  return seen;
}

export const sessionOf = (grant: TokenGrant): string => bearerOf(grant).principal?.sessionId ?? "";

/** Every value of every table as one text: what somebody who has stolen the database can read. */
export async function stolenDatabase(): Promise<string> {
  const tables = ["account", "session", "refresh_token", "signing_key", "erasure", "audit", "cell"];
  const dumps = await db.batch(tables.map((table) => db.prepare(`SELECT * FROM ${table}`)));
  return JSON.stringify(dumps.map(({ results }) => results));
}
