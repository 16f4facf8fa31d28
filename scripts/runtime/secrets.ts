import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { isOperatorPassword, OPERATOR_PASSWORD_RULE } from "../../src/contracts/identity.ts";

const secretsSchema = z.object({
  GATEWAY_SIGNING_KEY: z.string().min(1),
  INTERNAL_JWKS: z.string().min(1),
  KEY_ENCRYPTION_KEY: z.string().min(1),
  ADMIN_EMAIL: z.email("must be an e-mail address").max(254, "has at most 254 characters"),
  ADMIN_PASSWORD: z.string("is missing").refine(isOperatorPassword, OPERATOR_PASSWORD_RULE),
});

/** Everything secret that a local start needs. */
export type LocalSecrets = z.infer<typeof secretsSchema>;

const OWNER_ONLY = 0o600;

/**
 * Makes fresh secrets: the gateway's key pair, the key that seals identity's keys, and the
 * operator's login.
 */
export function makeSecrets(): LocalSecrets {
  const { privateKey } = generateKeyPairSync("ed25519");
  const jwk = { ...privateKey.export({ format: "jwk" }), kid: `gateway-${randomBytes(4).toString("hex")}` };
  const { kty, crv, x, kid } = jwk;
  return {
    GATEWAY_SIGNING_KEY: JSON.stringify(jwk),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64url"),
    ADMIN_EMAIL: "admin@playhead.example",
    ADMIN_PASSWORD: randomBytes(15).toString("base64url"),
  };
}

/**
 * The secrets of a state folder, made on first use and kept in `secrets.json`, readable by its
 * owner only. `ADMIN_EMAIL` and `ADMIN_PASSWORD` of the environment come first. Throws where the
 * file is not what this function wrote.
 */
export function localSecrets(
  stateDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): LocalSecrets {
  const path = join(stateDir, "secrets.json");
  if (!existsSync(path))
    writeFileSync(path, `${JSON.stringify(makeSecrets(), null, 2)}\n`, { mode: OWNER_ONLY });
  chmodSync(path, OWNER_ONLY);
  const { ADMIN_EMAIL, ADMIN_PASSWORD } = environment;
  const parsed = secretsSchema.safeParse({
    ...readJson(path),
    ...(ADMIN_EMAIL === undefined ? {} : { ADMIN_EMAIL }),
    ...(ADMIN_PASSWORD === undefined ? {} : { ADMIN_PASSWORD }),
  });
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; ");
  throw new Error(`not usable: ${reasons} (in ${path} or the environment)`);
}

function readJson(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    throw new Error(`${path} is not JSON; remove it, or start with --fresh`);
  }
}

/** What the environment gives of the secrets that a worker may have and need not. */
export function givenSecrets(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const { UPSTASH_REDIS_REST_TOKEN: tokens } = environment;
  return tokens === undefined ? {} : { UPSTASH_REDIS_REST_TOKEN: tokens };
}
