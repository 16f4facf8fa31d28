import type {
  AccessClaims,
  KeyVault,
  PasswordHasher,
  SecretSource,
} from "../../../src/identity/biz/ports.ts";

/** A hasher that costs nothing and counts its work, for tests of rules. */
export class CountingHasher implements PasswordHasher {
  derivations = 0;

  async hash(password: string): Promise<string> {
    this.derivations += 1;
    return `plain:${password}`;
  }

  async verify(password: string, encoded: string | null): Promise<boolean> {
    this.derivations += 1;
    return encoded === `plain:${password}`;
  }
}

let made = 0;

/** Secrets that are unique and can be read in a failure message. */
export const plainSecrets: SecretSource = {
  newId: () => `id-${String((made += 1)).padStart(6, "0")}`,
  digest: async (token) => `digest of ${token}`,
};

/** A vault whose "tokens" say with which key and what for they were signed. */
export const plainVault: KeyVault & { opened: number } = {
  opened: 0,
  generate: async (kid) => ({
    publicJwk: { kty: "OKP", crv: "Ed25519", x: "x".repeat(43), kid, alg: "EdDSA", use: "sig" },
    sealedPrivateKey: `sealed ${kid}`,
  }),
  async open({ kid }) {
    plainVault.opened += 1;
    return async (claims) => JSON.stringify({ kid, ...claims });
  },
};

/** What {@link plainVault} signed. */
export function readPlainToken(token: string): AccessClaims & { readonly kid: string } {
  return JSON.parse(token) as AccessClaims & { readonly kid: string };
}
