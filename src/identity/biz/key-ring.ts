import { CodedError } from "../../contracts/errors.ts";
import type { PublicJwk } from "../../contracts/identity.ts";
import type { Clock } from "../../resilience/clock.ts";
import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import { CLOCK_SKEW_MS, KEY_LEAD_MS, KEY_LIST_TTL_MS, KEYS_LIVE_MAX } from "./lifetimes.ts";
import type { AccessTokenSigner, KeyVault, SecretSource, SigningKeyRecord, SigningKeyStore } from "./ports.ts";

interface KeyRingDeps {
  readonly store: SigningKeyStore;
  readonly vault: KeyVault;
  readonly secrets: Pick<SecretSource, "newId">;
  readonly now: Clock;
}

interface KeyList {
  readonly keys: readonly SigningKeyRecord[];
  readonly readAtMs: number;
  /** Which read it was. */
  readonly number: number;
}

/** The key that signs at `nowMs`: the latest that has begun to. A lone key from a clock ahead of ours may sign early. */
export function signingKeyAt(keys: readonly SigningKeyRecord[], nowMs: number): SigningKeyRecord | undefined {
  return keys.findLast((key) => key.signsFromMs <= nowMs) ?? keys[0];
}

/**
 * The keys that sign access tokens. The table is the truth; an isolate remembers the list for {@link KEY_LIST_TTL_MS} and the opened keys
 * for as long as they are on it. Remembered are values, never promises: those of one request are dead to the next.
 */
export class KeyRing {
  readonly #deps: KeyRingDeps;
  readonly #signers = new Map<string, AccessTokenSigner>();
  #list: KeyList | null = null;
  #reads = 0;

  constructor(deps: KeyRingDeps) {
    this.#deps = deps;
  }

  /** What signs now. Asked for before a token is traded, so that a key that can't be opened costs nobody a session. */
  async signer(): Promise<AccessTokenSigner> {
    const nowMs = this.#deps.now();
    const list = this.#list;
    const known = list !== null && Math.abs(nowMs - list.readAtMs) < KEY_LIST_TTL_MS ? list.keys : await this.#read();
    const key = signingKeyAt(known, nowMs);
    if (key === undefined) throw new CodedError("INTERNAL", "No signing key, though one was just made");
    const opened = this.#signers.get(key.kid);
    if (opened !== undefined) return opened;
    const signer = await this.#deps.vault.open(key);
    this.#signers.set(key.kid, signer);
    return signer;
  }

  /** Every key a token that still lives may be signed with, and the one that signs next. Always from the table. */
  async publicKeys(): Promise<readonly PublicJwk[]> {
    return (await this.#read()).map((key) => key.publicJwk);
  }

  /** Announces a successor, which signs once every gateway knows it. Throws `CONFLICT` while too many keys live. */
  async rotate(actor: string): Promise<{ readonly kid: string; readonly signsFromMs: number }> {
    const { store, secrets, now } = this.#deps;
    await this.#read();
    const nowMs = now();
    const signsFromMs = nowMs + KEY_LEAD_MS;
    const key = await this.#generate(nowMs, signsFromMs);
    const added = await store.addNext({
      key,
      // An isolate may have read its list just before; it signs by the old key until the new one starts, and its last token must live.
      othersVerifyUntilMs: signsFromMs + ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS,
      liveMax: KEYS_LIVE_MAX,
      audit: { id: secrets.newId(), atMs: nowMs, actor },
    });
    if (!added) throw new CodedError("CONFLICT", "Too many signing keys live; rotate again when the oldest has retired");
    this.#list = null;
    return { kid: key.kid, signsFromMs };
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
    for (const kid of this.#signers.keys()) if (!keys.some((key) => key.kid === kid)) this.#signers.delete(kid);
    return keys;
  }

  async #generate(createdAtMs: number, signsFromMs: number): Promise<SigningKeyRecord> {
    const kid = this.#deps.secrets.newId();
    return { kid, ...(await this.#deps.vault.generate(kid)), createdAtMs, signsFromMs, verifyUntilMs: null };
  }
}
