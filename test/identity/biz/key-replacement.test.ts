import { describe, expect, it } from "vitest";
import { ACCESS_TOKEN_TTL_MS } from "../../../src/contracts/internal-request.ts";
import { KeyRing } from "../../../src/identity/biz/key-ring.ts";
import { KEYS_LIVE_MAX, KEYS_LIVE_MAX_REPLACING } from "../../../src/identity/biz/lifetimes.ts";
import type { KeyVault } from "../../../src/identity/biz/ports.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { keyTable } from "../support/key-table.ts";
import { plainSecrets, plainVault, readPlainToken } from "../support/plain-parts.ts";

/*
 * A changed KEY_ENCRYPTION_KEY. Whoever would have to order a new key needs a token to do so, which
 * needs a key.
 */

/** Seals under the first secret, opens what one of them has sealed. */
function vaultOf(...secrets: readonly string[]): KeyVault {
  return {
    generate: async (kid) => ({ ...(await plainVault.generate(kid)), sealedPrivateKey: secrets[0] ?? "" }),
    open: async (key) => (secrets.includes(key.sealedPrivateKey) ? plainVault.open(key) : null),
  };
}

function world() {
  const clock = new VirtualTime();
  const table = keyTable();
  const replaced: string[] = [];
  const ring = (vault: KeyVault): KeyRing =>
    new KeyRing({
      store: table.store,
      vault,
      secrets: plainSecrets,
      now: clock.now,
      onReplaced: (kid) => void replaced.push(kid),
    });
  return { clock, ...table, replaced, ring };
}

async function kidThatSigns(ring: KeyRing): Promise<string> {
  const sign = await ring.signer();
  return readPlainToken(await sign({ userId: "ada", sessionId: "s", roles: [], issuedAtMs: 0 })).kid;
}

const kids = async (ring: KeyRing): Promise<string[]> => (await ring.publicKeys()).map(({ kid }) => kid);

describe("keys that no secret opens any more", () => {
  it("are replaced by one that signs at once, on record, and verify for as long as their tokens live", async () => {
    const { clock, ring, replaced, audit, all } = world();
    const old = await kidThatSigns(ring(vaultOf("before")));
    clock.turn(60_000);
    const here = ring(vaultOf("after"));
    const fresh = await kidThatSigns(here);
    expect([replaced, await kids(here)]).toEqual([[fresh], [old, fresh]]);
    expect(audit()).toEqual([
      {
        actor: "system",
        action: "replace-keys",
        target: fresh,
        detail: JSON.stringify({ signsFromMs: clock.now() }),
      },
    ]);
    clock.turn(ACCESS_TOKEN_TTL_MS);
    expect(await kids(here)).toEqual([old, fresh]);
    clock.turn(ACCESS_TOKEN_TTL_MS);
    expect([await kids(here), await kidThatSigns(here), (await all()).length]).toEqual([[fresh], fresh, 2]);
  });

  it("are replaced once, however many isolates find that out at once", async () => {
    const { clock, ring, replaced, all } = world();
    await kidThatSigns(ring(vaultOf("before")));
    clock.turn(60_000);
    const signing = await Promise.all(Array.from({ length: 5 }, () => kidThatSigns(ring(vaultOf("after")))));
    expect([new Set(signing).size, replaced.length, (await all()).length]).toEqual([1, 1, 2]);
  });

  it("are replaced though as many keys live as a rotation allows", async () => {
    const { clock, ring } = world();
    const before = ring(vaultOf("before"));
    await kidThatSigns(before);
    for (let live = 1; live < KEYS_LIVE_MAX; live += 1) await before.rotate("op");
    clock.turn(20_000);
    expect(await kidThatSigns(ring(vaultOf("after")))).toBeDefined();
  });

  it("are no more replaced than every 15 s, and not without end, by isolates that can open none", async () => {
    const { clock, ring, all } = world();
    await kidThatSigns(ring(vaultOf("before")));
    clock.turn(60_000);
    const broken: KeyVault = { ...plainVault, open: async () => null };
    const counts: number[] = [];
    for (let second = 0; second < 300; second += 1) {
      await expect(ring(broken).signer()).rejects.toMatchObject({
        code: "UNAVAILABLE",
        retryAfterMs: 15_000,
      });
      clock.turn(1_000);
      counts.push((await all()).length);
    }
    expect([counts[0], counts[14], counts[15]]).toEqual([2, 2, 3]);
    expect(counts.at(-1)).toBe(KEYS_LIVE_MAX_REPLACING);
  });

  it("are none where an older secret is still given: nothing is replaced, and the next rotation seals under the first", async () => {
    const { clock, ring, replaced } = world();
    const old = await kidThatSigns(ring(vaultOf("before")));
    clock.turn(60_000);
    const here = ring(vaultOf("after", "before"));
    expect([await kidThatSigns(here), replaced]).toEqual([old, []]);
    const { kid } = await here.rotate("op");
    clock.turn(60_000);
    expect(await kidThatSigns(ring(vaultOf("after")))).toBe(kid);
  });

  it("are not replaced back by isolates that still have the old secret: those go on with their own key", async () => {
    const { clock, ring, replaced } = world();
    const before = ring(vaultOf("before"));
    const old = await kidThatSigns(before);
    clock.turn(60_000);
    const fresh = await kidThatSigns(ring(vaultOf("after")));
    clock.turn(60_000);
    expect([await kidThatSigns(before), await kidThatSigns(ring(vaultOf("after"))), replaced]).toEqual([
      old,
      fresh,
      [fresh],
    ]);
  });

  it("are not those of a database that can't be asked", async () => {
    const { clock, store, replaced } = world();
    const away = { ...store, live: () => Promise.reject(new Error("away")) };
    const here = new KeyRing({
      store: away,
      vault: plainVault,
      secrets: plainSecrets,
      now: clock.now,
      onReplaced: (kid) => void replaced.push(kid),
    });
    await expect(here.signer()).rejects.toThrow("away");
    expect(replaced).toEqual([]);
  });

  it("are replaced though another clock has dated a key a month ahead", async () => {
    const { clock, ring } = world();
    clock.turn(30 * 86_400_000);
    await kidThatSigns(ring(vaultOf("before")));
    clock.stepBack(30 * 86_400_000);
    expect(await kidThatSigns(ring(vaultOf("after")))).toBeDefined();
  });
});
