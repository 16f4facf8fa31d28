import { d1Accounts } from "../../../src/identity/data/d1-accounts.ts";
import { d1Exchanges } from "../../../src/identity/data/d1-exchanges.ts";
import { d1Sessions } from "../../../src/identity/data/d1-sessions.ts";
import { d1Trades } from "../../../src/identity/data/d1-trades.ts";
import { refreshTokens } from "../../../src/identity/data/refresh-tokens.ts";
import { secretSource } from "../../../src/identity/data/secret-source.ts";
import { SESSION_TTL_MS } from "../../../src/identity/biz/lifetimes.ts";
import type { Account } from "../../../src/identity/biz/ports.ts";
import { Sessions } from "../../../src/identity/biz/sessions.ts";
import { proxiedD1, type D1Between } from "../../../testbed/databases/d1-proxy.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { plainSecrets } from "./plain-parts.ts";

export const LEEWAY_MS = 10_000;
export const AGE_MS_MAX = 180 * 86_400_000;
const secretOf = (letter: string) => Uint8Array.from(new TextEncoder().encode(letter.repeat(32)));
export const FIRST_SECRET = secretOf("A");
export const SECOND_SECRET = secretOf("B");

export interface IsolateOptions {
  /** The first of them makes tokens. */
  readonly secrets?: readonly Uint8Array<ArrayBuffer>[];
  /** How far its clock is ahead of the database's. */
  readonly aheadMs?: number;
  readonly limit?: number;
  readonly leewayMs?: number;
  /** Stands between it and the database. */
  readonly between?: D1Between;
}

/** One account, and isolates of identity over one database whose clock is turned. */
export class RefreshWorld {
  readonly clock = new VirtualTime();
  readonly db = sqliteD1(migrationsOf("identity"), this.clock.now);
  readonly account: Account = {
    id: crypto.randomUUID(),
    email: "ada@example.com",
    passwordHash: "plain:password",
    roles: ["user"],
    createdAtMs: this.clock.now(),
  };

  constructor() {
    void d1Accounts(this.db).add(this.account);
  }

  isolate({
    secrets = [FIRST_SECRET],
    aheadMs = 0,
    limit = 10,
    leewayMs = LEEWAY_MS,
    between = (ask) => ask(),
  }: IsolateOptions = {}): Sessions {
    const db = proxiedD1(this.db, between);
    return new Sessions({
      store: { ...d1Sessions(db), ...d1Trades(db), ...d1Exchanges(db) },
      keys: { signer: async () => async (claims: object) => JSON.stringify(claims) },
      secrets: { ...plainSecrets, newId: () => secretSource.newId() },
      tokens: refreshTokens(secrets),
      ageMsMax: AGE_MS_MAX,
      refreshLimit: { limit, windowMs: 60_000 },
      leewayMs,
      now: () => this.clock.now() + aheadMs,
    });
  }

  /** The refresh token of a new session. */
  async open(isolate = this.isolate()): Promise<string> {
    const grant = await isolate.open(this.account);
    if (grant === null) throw new Error("the session was refused");
    return grant.refreshToken;
  }

  /** A session as the release before opened it, by its token and those used before that one. */
  async openBefore(token: string, used: readonly string[] = []): Promise<void> {
    const nowMs = this.clock.now();
    this.db
      .statement("INSERT INTO session (id, account_id, created_at, expires_at) VALUES (?, ?, ?, ?)")
      .run(`of-${token}`, this.account.id, nowMs, nowMs + SESSION_TTL_MS);
    const row = this.db.statement(
      "INSERT INTO refresh_token (hash, session_id, issued_at, expires_at, used_at, used_by) VALUES (?, ?, ?, ?, ?, ?)",
    );
    for (const text of [...used, token]) {
      const use = used.includes(text) ? [nowMs, "an attempt"] : [null, null];
      row.run(await plainSecrets.digest(text), `of-${token}`, nowMs, nowMs + SESSION_TTL_MS, ...use);
    }
  }

  /** What a refresh comes to: the successor, or the code of its error. */
  async refreshed(token: string, isolate = this.isolate()): Promise<string> {
    return isolate.refresh(token).then(
      ({ refreshToken }) => refreshToken,
      (error: { readonly code: string }) => error.code,
    );
  }

  /** Why sessions have ended, by what their rows say. */
  ended(): unknown[] {
    return this.db
      .statement("SELECT revoke_reason FROM session WHERE revoked_at IS NOT NULL ORDER BY id")
      .all()
      .map(({ revoke_reason }) => revoke_reason);
  }
}
