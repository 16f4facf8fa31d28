import fc from "fast-check";
import { env } from "cloudflare:workers";
import type { TokenGrant } from "../../../src/contracts/identity.ts";
import { SESSION_TTL_MS } from "../../../src/identity/biz/lifetimes.ts";
import type { Account } from "../../../src/identity/biz/ports.ts";
import { Sessions } from "../../../src/identity/biz/sessions.ts";
import { d1Accounts } from "../../../src/identity/data/d1-accounts.ts";
import { d1Exchanges } from "../../../src/identity/data/d1-exchanges.ts";
import { d1Sessions } from "../../../src/identity/data/d1-sessions.ts";
import { d1Trades } from "../../../src/identity/data/d1-trades.ts";
import { refreshTokens } from "../../../src/identity/data/refresh-tokens.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { plainSecrets, readPlainToken } from "./plain-parts.ts";

const db = env.IDENTITY_DB;
export const accountStore = d1Accounts(db);

/** Short enough for models to get there. */
export const AGE_MS_MAX = 3 * SESSION_TTL_MS;
export const REFRESH_LIMIT = { limit: 10, windowMs: 60_000 } as const;

/**
 * An account of its own over the real tables, with a clock that can be turned and access tokens
 * that can be read. There is no leeway: it is of the database's clock, which nobody can turn here.
 */
export async function newFamily({
  ageMsMax = AGE_MS_MAX,
  database = db,
}: { readonly ageMsMax?: number; readonly database?: D1Database } = {}) {
  const clock = new VirtualTime();
  const account: Account = {
    id: crypto.randomUUID(),
    email: `${crypto.randomUUID()}@example.com`,
    passwordHash: "plain:password",
    roles: ["user"],
    createdAtMs: clock.now(),
  };
  await accountStore.add(account);
  const keys = { signer: async () => async (claims: object) => JSON.stringify(claims) };
  const store = { ...d1Sessions(database), ...d1Trades(database), ...d1Exchanges(database) };
  const sessions = new Sessions({
    store,
    keys,
    secrets: plainSecrets,
    tokens: refreshTokens([new Uint8Array(32)]),
    ageMsMax,
    refreshLimit: REFRESH_LIMIT,
    leewayMs: 0,
    now: clock.now,
  });
  const open = async (passwordHash = account.passwordHash): Promise<TokenGrant> => {
    const grant = await sessions.open({ ...account, passwordHash });
    if (grant === null) throw new Error("the session was refused");
    return grant;
  };
  return { clock, account, sessions, open };
}

export const sessionIdOf = (grant: TokenGrant): string => readPlainToken(grant.accessToken).sessionId;

export async function isRevoked(sessionId: string): Promise<boolean> {
  return (
    (await db.prepare("SELECT revoked_at FROM session WHERE id = ?").bind(sessionId).first("revoked_at")) !==
    null
  );
}

const session = fc.nat(3);
const turns = fc.constantFrom(1, 60_000, SESSION_TTL_MS / 2, SESSION_TTL_MS);

/** What a client may do, by the number of a session and of one of its tokens, oldest first. */
export const sessionAction = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("open" as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("trade" as const), session, token: fc.nat(6) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("trade newest" as const), session }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const), session }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("password" as const), session }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("turn" as const), ms: turns }) },
);

type SessionAction = typeof sessionAction extends fc.Arbitrary<infer A> ? A : never;

/**
 * A session on paper: its tokens, of which all but the last are used, and when the last one
 * expires, at the end of its age at the latest.
 */
interface PaperSession {
  readonly id: string;
  readonly tokens: string[];
  /** When each of them but the newest was traded. */
  readonly tradedAtMs: number[];
  readonly openedAtMs: number;
  expiresAtMs: number;
  dead: boolean;
}

/**
 * Families of refresh tokens on paper, next to the real ones. Wherever the two part, it says so.
 */
export class SessionModel {
  readonly disagreements: string[] = [];
  readonly #family: Awaited<ReturnType<typeof newFamily>>;
  readonly #paper: PaperSession[] = [];
  #passwordHash: string;
  #changes = 0;

  constructor(family: Awaited<ReturnType<typeof newFamily>>) {
    this.#family = family;
    this.#passwordHash = family.account.passwordHash;
  }

  async take(action: SessionAction): Promise<void> {
    if (action.kind === "turn") return this.#family.clock.turn(action.ms);
    const paper = action.kind === "open" ? undefined : this.#paper[action.session % this.#paper.length];
    if (action.kind === "open" || paper === undefined) await this.#open();
    else if (action.kind === "trade") await this.#trade(paper, action.token % paper.tokens.length);
    else if (action.kind === "trade newest") await this.#trade(paper, paper.tokens.length - 1);
    else if (action.kind === "end") await this.#end(paper);
    else await this.#changePassword(paper);
    for (const { id, dead } of this.#paper) this.#agree(`whether ${id} is dead`, await isRevoked(id), dead);
  }

  async #open(): Promise<void> {
    const grant = await this.#family.open(this.#passwordHash);
    const openedAtMs = this.#family.clock.now();
    const expiresAtMs = this.#expiry(openedAtMs);
    this.#paper.push({
      id: sessionIdOf(grant),
      tokens: [grant.refreshToken],
      tradedAtMs: [],
      openedAtMs,
      expiresAtMs,
      dead: false,
    });
  }

  async #trade(paper: PaperSession, index: number): Promise<void> {
    const isNewest = index === paper.tokens.length - 1;
    const nowMs = this.#family.clock.now();
    const isGood = isNewest && !paper.dead && paper.expiresAtMs > nowMs;
    const tradedLately = paper.tradedAtMs.filter((atMs) => atMs > nowMs - REFRESH_LIMIT.windowMs).length;
    const refusal = !isGood ? "UNAUTHENTICATED" : tradedLately >= REFRESH_LIMIT.limit ? "RATE_LIMITED" : null;
    const outcome = await this.#family.sessions
      .refresh(paper.tokens[index] ?? "")
      .catch((error: { code: string }) => error.code);
    if (!isNewest) paper.dead = true;
    if (typeof outcome === "string") {
      this.#agree(`a trade of token ${index}`, outcome, refusal ?? "traded");
      return;
    }
    this.#agree(`a trade of token ${index}`, sessionIdOf(outcome), refusal ?? paper.id);
    paper.tokens.push(outcome.refreshToken);
    paper.tradedAtMs.push(nowMs);
    paper.expiresAtMs = this.#expiry(paper.openedAtMs);
  }

  async #end(paper: PaperSession): Promise<void> {
    await this.#family.sessions.end(this.#family.account.id, paper.id);
    paper.dead = true;
  }

  async #changePassword(keep: PaperSession): Promise<void> {
    const newHash = `plain:${(this.#changes += 1)}`;
    const change = {
      userId: this.#family.account.id,
      keepSessionId: keep.id,
      nowMs: this.#family.clock.now(),
    };
    this.#agree(
      "a password change",
      await accountStore.changePassword({ ...change, knownHash: this.#passwordHash, newHash }),
      true,
    );
    this.#passwordHash = newHash;
    for (const other of this.#paper) if (other !== keep) other.dead = true;
  }

  #expiry(openedAtMs: number): number {
    return Math.min(this.#family.clock.now() + SESSION_TTL_MS, openedAtMs + AGE_MS_MAX);
  }

  #agree(what: string, real: unknown, paper: unknown): void {
    if (real !== paper) this.disagreements.push(`${what}: really ${String(real)}, on paper ${String(paper)}`);
  }
}
