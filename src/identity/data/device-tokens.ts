import { jwtVerify, SignJWT } from "jose";
import type { Clock } from "../../resilience/clock.ts";
import type { Account, DeviceTokens, KnownDevice } from "../biz/ports.ts";

interface DeviceTokensDeps {
  /** The worker's secrets: the first signs, all of them verify. */
  readonly secrets: readonly Uint8Array<ArrayBuffer>[];
  readonly newDeviceId: () => string;
  readonly now: Clock;
}

const ALGORITHM = "HS256";
const TYPE = "device+jwt";
const TTL_S = 180 * 24 * 60 * 60;
const KEY_BITS = 256;
const DEVICE_ID_LENGTH_MAX = 64;
const utf8 = new TextEncoder();

/** The account id from which the key is derived where there is no account. No account has it. */
const NOBODY: Pick<Account, "id" | "passwordHash"> = { id: "", passwordHash: "" };

/**
 * Device tokens: JWTs under a key that follows from the worker's secret, the account's id and its
 * present password hash. So a token holds for one account, ends with its password and with the
 * account, and nothing has to be stored.
 */
export function deviceTokens({ secrets, newDeviceId, now }: DeviceTokensDeps): DeviceTokens {
  const [signing] = secrets;
  if (signing === undefined) throw new RangeError("secrets must be at least one, got none");

  async function verified(token: string, key: Uint8Array): Promise<string | null> {
    try {
      const options = {
        algorithms: [ALGORITHM],
        typ: TYPE,
        requiredClaims: ["did", "iat", "exp"],
        currentDate: new Date(now()),
      };
      const { did } = (await jwtVerify<{ did: unknown }>(token, key, options)).payload;
      return typeof did === "string" && did.length <= DEVICE_ID_LENGTH_MAX ? did : null;
    } catch {
      return null;
    }
  }

  return {
    async read(token, account) {
      if (token === undefined) return null;
      const found = await Promise.all(
        secrets.map(async (secret) => verified(token, await keyOf(secret, account ?? NOBODY))),
      );
      const deviceId = found.find((did) => did !== null) ?? null;
      return deviceId === null || account === null ? null : { userId: account.id, deviceId };
    },

    async issue(account, device: KnownDevice | null) {
      const issuedAt = Math.floor(now() / 1_000);
      return new SignJWT({ did: device?.deviceId ?? newDeviceId() })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + TTL_S)
        .sign(await keyOf(signing, account));
    },
  };
}

/**
 * HKDF (RFC 5869): the secret seals signing keys as well, and no use of it may tell anything about
 * another.
 */
async function keyOf(
  secret: Uint8Array<ArrayBuffer>,
  { id, passwordHash }: Pick<Account, "id" | "passwordHash">,
): Promise<Uint8Array> {
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const info = utf8.encode(`playhead device token\n${id}\n${passwordHash}`);
  return new Uint8Array(
    await crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
      material,
      KEY_BITS,
    ),
  );
}
