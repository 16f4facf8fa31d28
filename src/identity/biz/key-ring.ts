import { CodedError } from "../../contracts/errors.ts";
import type { PublicJwk } from "../../contracts/identity.ts";
import type { Clock } from "../../resilience/clock.ts";
import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import {
  CLOCK_SKEW_MS,
  KEY_LEAD_MS,
  KEY_LIST_TTL_MS,
  KEY_REPLACEMENT_SPACING_MS,
  KEYS_LIVE_MAX,
  KEYS_LIVE_MAX_REPLACING,
} from "./lifetimes.ts";
import type {
  AccessTokenSigner,
  KeyVault,
  SecretSource,
  SigningKeyRecord,
  SigningKeyStore,
} from "./ports.ts";
import { newestKey, signingCandidates, signingKeyAt } from "./signing-key-at.ts";

interface KeyRingDeps {
  readonly store: SigningKeyStore;
  readonly vault: KeyVault;
  readonly secrets: Pick<SecretSource, "newId">;
  readonly now: Clock;
  /** Hears that a key was made since none could be opened. */
  readonly onReplaced: (kid: string) => void;
}

interface KeyList {
  readonly keys: readonly SigningKeyRecord[];
  readonly readAtMs: number;
  /** Which read it was. */
  readonly number: number;
}

/** A key that has been announced. */
export interface AnnouncedKey {
  readonly kid: string;
  readonly signsFromMs: number;
}

/** Who replaces keys that nobody can open. */
const SYSTEM = "system";

/**
 * The keys that sign access tokens. The table is the truth; an isolate remembers the list for
 * {@link KEY_LIST_TTL_MS} and the opened keys for as long as they are on it. Remembered are values,
 * never promises: those of one request are dead to the next.
 */
export class KeyRing {
  readonly #deps: KeyRingDeps;
  readonly #signers = new Map<string, AccessTokenSigner>();
  #list: KeyList | null = null;
  #reads = 0;

  constructor(deps: KeyRingDeps) {
    this.#deps = deps;
  }

  /**
   * What signs now. Asked for before a token is traded, so that a key that can't be opened costs
   * nobody a session. Where none can be opened a new one is made here: an operator could order one
   * only with a token, which needs a key. Throws `UNAVAILABLE` where one was made a moment ago.
   */
  async signer(): Promise<AccessTokenSigner> {
    const nowMs = this.#deps.now();
    const list = this.#list;
    const known =
      list !== null && Math.abs(nowMs - list.readAtMs) < KEY_LIST_TTL_MS ? list.keys : await this.#read();
    const signer = await this.#openOne(known, nowMs);
    if (signer !== null) return signer;
    await this.#replace(known, nowMs);
    const replaced = await this.#openOne(await this.#read(), nowMs);
    if (replaced !== null) return replaced;
    throw new CodedError("UNAVAILABLE", "No signing key can be opened", {
      retryAfterMs: KEY_REPLACEMENT_SPACING_MS,
    });
  }

  /**
   * Every key a token that still lives may be signed with, and the one that signs next. Always from
   * the table.
   */
  async publicKeys(): Promise<readonly PublicJwk[]> {
    return (await this.#read()).map((key) => key.publicJwk);
  }

  /**
   * Announces a successor, which signs once every gateway knows it. Throws `CONFLICT` while too
   * many keys live.
   */
  async rotate(actor: string): Promise<AnnouncedKey> {
    const { store } = this.#deps;
    await this.#read();
    const nowMs = this.#deps.now();
    const next = await this.#next(actor, nowMs, nowMs + KEY_LEAD_MS);
    if (!(await store.addNext({ ...next, liveMax: KEYS_LIVE_MAX }))) {
      throw new CodedError(
        "CONFLICT",
        "Too many signing keys live; rotate again when the oldest has retired",
      );
    }
    this.#list = null;
    return announced(next.key);
  }

  /**
   * Ends a key at once, whatever was signed with it, and announces another. That one signs at once
   * if the ended one would have signed now or next: gateways look for a key they don't know. Ending
   * a key again changes nothing. Throws `NOT_FOUND`.
   */
  async distrust(actor: string, kid: string): Promise<AnnouncedKey> {
    const { store, now } = this.#deps;
    const keys = await this.#read();
    const nowMs = now();
    const isNeeded = newestKey(keys)?.kid === kid || signingKeyAt(keys, nowMs)?.kid === kid;
    const next = await this.#next(actor, nowMs, isNeeded ? nowMs : nowMs + KEY_LEAD_MS);
    const outcome = await store.distrust({ ...next, kid });
    this.#list = null;
    if (outcome === "distrusted") return announced(next.key);
    const newest = newestKey(keys);
    if (outcome === "unknown" || newest === undefined)
      throw new CodedError("NOT_FOUND", "No such signing key");
    return announced(newest);
  }

  /** A key behind all that there are, and what becomes of those. */
  async #next(actor: string, nowMs: number, signsFromMs: number) {
    return {
      key: await this.#generate(nowMs, signsFromMs),
      // An isolate may have read its list just before; it signs by the old key until the new one
      // starts, and its last token must live.
      othersVerifyUntilMs: signsFromMs + ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS,
      audit: { id: this.#deps.secrets.newId(), atMs: nowMs, actor },
    };
  }

  /** The first of the keys that may sign which can be opened. */
  async #openOne(keys: readonly SigningKeyRecord[], nowMs: number): Promise<AccessTokenSigner | null> {
    for (const key of signingCandidates(keys, nowMs)) {
      const signer = this.#signers.get(key.kid) ?? (await this.#deps.vault.open(key));
      if (signer === null) continue;
      this.#signers.set(key.kid, signer);
      return signer;
    }
    return null;
  }

  /**
   * Signs at once: there is no other key to sign by, and to wait until gateways have learned it
   * would keep everybody out for as long.
   */
  async #replace(keys: readonly SigningKeyRecord[], nowMs: number): Promise<void> {
    const { store, onReplaced } = this.#deps;
    const next = await this.#next(SYSTEM, nowMs, nowMs);
    const newestKid = newestKey(keys)?.kid ?? "";
    const limits = { liveMax: KEYS_LIVE_MAX_REPLACING, spacingMs: KEY_REPLACEMENT_SPACING_MS };
    if (await store.replace({ ...next, ...limits, newestKid })) onReplaced(next.key.kid);
  }

  async #read(): Promise<readonly SigningKeyRecord[]> {
    const { store, now } = this.#deps;
    const readAtMs = now();
    const number = (this.#reads += 1);
    let keys = await store.live(readAtMs);
    if (keys.length === 0) {
      await store.addFirst(await this.#generate(readAtMs, readAtMs));
      keys = await store.live(readAtMs);
    }
    // A slow read must not replace what a later one has found.
    if (this.#list === null || this.#list.number < number) this.#list = { keys, readAtMs, number };
    for (const kid of this.#signers.keys())
      if (!keys.some((key) => key.kid === kid)) this.#signers.delete(kid);
    return keys;
  }

  async #generate(createdAtMs: number, signsFromMs: number): Promise<SigningKeyRecord> {
    const kid = this.#deps.secrets.newId();
    return { kid, ...(await this.#deps.vault.generate(kid)), createdAtMs, signsFromMs, verifyUntilMs: null };
  }
}

function announced({ kid, signsFromMs }: SigningKeyRecord): AnnouncedKey {
  return { kid, signsFromMs };
}
