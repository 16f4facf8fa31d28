import { describe, expect, it } from "vitest";
import { ACCESS_TOKEN_TTL_MS } from "../../../src/contracts/internal-request.ts";
import { KeyRing } from "../../../src/identity/biz/key-ring.ts";
import {
  CLOCK_SKEW_MS,
  KEY_LEAD_MS,
  KEY_LIST_TTL_MS,
  KEYS_LIVE_MAX,
} from "../../../src/identity/biz/lifetimes.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { keyTable } from "../support/key-table.ts";
import { plainSecrets, plainVault, readPlainToken } from "../support/plain-parts.ts";

/** Two isolates over one table. */
function twoRings() {
  const clock = new VirtualTime();
  const table = keyTable();
  const replaced: string[] = [];
  const deps = {
    store: table.store,
    secrets: plainSecrets,
    now: clock.now,
    onReplaced: (kid: string) => void replaced.push(kid),
  };
  const ring = (vault = plainVault) => new KeyRing({ ...deps, vault });
  return { clock, ...table, replaced, ring, here: ring(), there: ring() };
}

async function kidThatSigns(ring: KeyRing): Promise<string> {
  const sign = await ring.signer();
  return readPlainToken(await sign({ userId: "ada", sessionId: "s", roles: [], issuedAtMs: 0 })).kid;
}

const kids = async (ring: KeyRing): Promise<string[]> => (await ring.publicKeys()).map(({ kid }) => kid);

describe("the key ring", () => {
  it("makes one first key though two isolates need it at once, and shows it before anybody signs", async () => {
    const { all, here, there } = twoRings();
    const [one, other] = await Promise.all([kids(here), kids(there)]);
    expect(one).toEqual(other);
    expect(await all()).toHaveLength(1);
    expect(await kidThatSigns(here)).toBe(one[0]);
  });

  it("signs with a new key only when gateways have had time to learn it, in every isolate", async () => {
    const { clock, here, there } = twoRings();
    const old = await kidThatSigns(here);
    await kidThatSigns(there);
    const { kid, signsFromMs } = await here.rotate("op");
    expect(signsFromMs).toBe(clock.now() + KEY_LEAD_MS);
    expect(await kids(there)).toEqual([old, kid]);
    for (let atMs = 0; atMs < KEY_LEAD_MS; atMs += 1_000) {
      expect([await kidThatSigns(here), await kidThatSigns(there)]).toEqual([old, old]);
      clock.turn(1_000);
    }
    expect([await kidThatSigns(here), await kidThatSigns(there)]).toEqual([kid, kid]);
  });

  it("shows the old key until the last token signed with it has expired, and not for ever", async () => {
    const { clock, here } = twoRings();
    const old = await kidThatSigns(here);
    await here.rotate("op");
    clock.turn(KEY_LEAD_MS + ACCESS_TOKEN_TTL_MS);
    expect(await kids(here)).toContain(old);
    clock.turn(CLOCK_SKEW_MS);
    expect(await kids(here)).not.toContain(old);
  });

  it("notices within its list's life what another isolate has rotated in", async () => {
    const { clock, here, there } = twoRings();
    await kidThatSigns(there);
    await here.rotate("op");
    clock.turn(KEY_LIST_TTL_MS + KEY_LEAD_MS);
    expect(await kidThatSigns(there)).toBe(await kidThatSigns(here));
  });

  it("reads the table once for many tokens, and opens a key once", async () => {
    const { counts, here } = twoRings();
    await kidThatSigns(here);
    const [reads, opened] = [counts.reads, plainVault.opened];
    for (let token = 0; token < 50; token += 1) await kidThatSigns(here);
    expect([counts.reads, plainVault.opened]).toEqual([reads, opened]);
  });

  it("reads the table as seldom after one reading of its clock a month ahead", async () => {
    const { clock, counts, here } = twoRings();
    clock.turn(30 * 86_400_000);
    await kidThatSigns(here);
    clock.stepBack(30 * 86_400_000);
    await kidThatSigns(here);
    const reads = counts.reads;
    for (let token = 0; token < 50; token += 1) await kidThatSigns(here);
    expect(counts.reads).toBe(reads);
  });

  it("shows the old key to gateways five minutes off until its last token has expired there", async () => {
    const { clock, here } = twoRings();
    const old = await kidThatSigns(here);
    const { signsFromMs } = await here.rotate("op");
    const lastTokenDiesMs = signsFromMs + ACCESS_TOKEN_TTL_MS;
    clock.turn(lastTokenDiesMs + 300_000 - 1 - clock.now());
    expect(await kids(here)).toContain(old);
  });

  it("refuses a rotation while too many keys live, and takes it again when the oldest has gone", async () => {
    const { clock, here } = twoRings();
    await kidThatSigns(here);
    for (let live = 1; live < KEYS_LIVE_MAX; live += 1) await here.rotate("op");
    await expect(here.rotate("op")).rejects.toMatchObject({ code: "CONFLICT" });
    clock.turn(KEY_LEAD_MS + ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS);
    await expect(here.rotate("op")).resolves.toMatchObject({ signsFromMs: clock.now() + KEY_LEAD_MS });
  });

  it("signs with a lone key made by a clock ahead of its own", async () => {
    const { clock, here, there } = twoRings();
    const [kid] = await kids(here);
    clock.stepBack(500);
    expect(await kidThatSigns(there)).toBe(kid);
  });
});

describe("a key that is distrusted", () => {
  it("verifies no more and signs no more, at once and on every clock, and another signs in its place", async () => {
    const { clock, here, there, audit } = twoRings();
    const old = await kidThatSigns(here);
    const { kid, signsFromMs } = await here.distrust("op", old);
    expect(signsFromMs).toBe(clock.now());
    expect(await kidThatSigns(here)).toBe(kid);
    clock.stepBack(CLOCK_SKEW_MS);
    expect([await kids(here), await kids(there)]).toEqual([[kid], [kid]]);
    expect(await kidThatSigns(there)).toBe(kid);
    expect(audit()).toEqual([
      { actor: "op", action: "distrust-key", target: old, detail: JSON.stringify({ kid, signsFromMs }) },
    ]);
  });

  it("and was announced only, leaves the old key signing until the other does", async () => {
    const { clock, here } = twoRings();
    const old = await kidThatSigns(here);
    const { kid: announced } = await here.rotate("op");
    clock.turn(1_000);
    const { kid } = await here.distrust("op", announced);
    expect([await kids(here), await kidThatSigns(here)]).toEqual([[old, kid], kid]);
  });

  it("and signs no more anyway, is followed by a key that gateways have time to learn", async () => {
    const { clock, here } = twoRings();
    const old = await kidThatSigns(here);
    const { kid: signing } = await here.rotate("op");
    clock.turn(KEY_LEAD_MS);
    const { kid, signsFromMs } = await here.distrust("op", old);
    expect(signsFromMs).toBe(clock.now() + KEY_LEAD_MS);
    expect([await kids(here), await kidThatSigns(here)]).toEqual([[signing, kid], signing]);
  });

  it("is NOT_FOUND if nobody has it, and distrusted twice it is once", async () => {
    const { here, all } = twoRings();
    const old = await kidThatSigns(here);
    await expect(here.distrust("op", "nobody's")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await kids(here)).toEqual([old]);
    const first = await here.distrust("op", old);
    expect(await here.distrust("op", old)).toEqual(first);
    expect(await all()).toHaveLength(1);
  });

  it("is not hindered by the number of keys that live", async () => {
    const { here } = twoRings();
    const old = await kidThatSigns(here);
    for (let live = 1; live < KEYS_LIVE_MAX; live += 1) await here.rotate("op");
    await here.distrust("op", old);
    expect(await kids(here)).toHaveLength(KEYS_LIVE_MAX);
    expect(await kids(here)).not.toContain(old);
  });
});
