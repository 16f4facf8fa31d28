import { decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { KeyRing } from "../../src/identity/biz/key-ring.ts";
import { d1SigningKeys } from "../../src/identity/data/d1-signing-keys.ts";
import { keyVault } from "../../src/identity/data/key-vault.ts";
import { secretSource } from "../../src/identity/data/secret-source.ts";
import { VirtualTime } from "../../testbed/virtual-time.ts";
import { operations, anyone, db, logIn, newAccount, operator, trust } from "./support/identity-worker.ts";

describe("two rotations at once", () => {
  it("leave the key signing that was committed last, though the other one's begins later", async () => {
    const clock = new VirtualTime(Date.now());
    const secret = [new Uint8Array(32).fill(7)];
    const vault = keyVault(secret);
    let commit = (): void => undefined;
    const mayCommit = new Promise<void>((resolve) => void (commit = resolve));
    const slow = { ...vault, generate: async (kid: string) => (await mayCommit, vault.generate(kid)) };
    const ring = (own: typeof vault) =>
      new KeyRing({
        store: d1SigningKeys(db),
        vault: own,
        secrets: secretSource,
        now: clock.now,
        onReplaced: () => undefined,
      });
    const quick = ring(vault);
    await quick.publicKeys();
    const slowly = ring(slow).rotate("op");
    // It has read the clock and waits for its key; meanwhile another rotation is made, and
    // committed, a little later.
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.turn(40);
    const { kid: overtaken } = await quick.rotate("op");
    commit();
    const { kid: last } = await slowly;
    clock.turn(20_000);
    const sign = await quick.signer();
    const token = await sign({ userId: "ada", sessionId: "s", roles: [], issuedAtMs: clock.now() });
    expect(decodeProtectedHeader(token).kid).toBe(last);
    const { results } = await db.prepare("SELECT kid FROM signing_key WHERE verify_until IS NULL").all();
    expect([results, last === overtaken]).toEqual([[{ kid: last }], false]);
  });
});

describe("a distrusted key", () => {
  it("is gone from what gateways are told, its sessions go on, and it is written down", async () => {
    const { email } = await newAccount();
    const grant = await logIn(email);
    const signing = decodeProtectedHeader(grant.accessToken).kid ?? "";
    const { kid } = await operations.distrustKey(operator, signing);
    const { keys } = await trust.snapshot(anyone, 0);
    expect(keys.map((key) => key.kid)).not.toContain(signing);
    expect(keys.map((key) => key.kid)).toContain(kid);
    await expect(operations.distrustKey(operator, "nobody-s")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(operations.distrustKey(anyone, kid)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const [line] = await operations.audit(operator, { limit: 1 });
    expect(line).toMatchObject({ actor: "op", action: "distrust-key", target: signing, detail: { kid } });
    expect((await logIn(email)).userId).toBe(grant.userId);
  });
});
