import { base64url, type CryptoKey } from "jose";
import { importEd25519, type PrivateKeyJwk } from "../jwk.ts";

/** Says of what comes back from a cache that it was put there by a gateway of ours. */
export interface TrustSeal {
  /** The text with a seal of what it is; another name's seal doesn't fit. */
  seal(name: string, text: string): Promise<string>;
  /** The text under the seal, or null where there is none of ours. */
  open(name: string, sealed: string): Promise<string | null>;
}

/**
 * No token's: what is signed there has no blank and no line end, so that neither signature passes
 * for the other.
 */
const PURPOSE = "playhead trust page\n";
const SIGNATURE_CHARS = 86;
const utf8 = new TextEncoder();

/**
 * Seals by the gateway's own signing key. What a page says decides whose tokens count: without a
 * seal any Worker of the same zone could have the gateway believe in a key of its own.
 */
export function trustSeal(jwk: PrivateKeyJwk): TrustSeal {
  let keys: { readonly own: CryptoKey; readonly shown: CryptoKey } | null = null;
  const imported = async () => {
    const { kty, crv, x, kid } = jwk;
    keys ??= { own: await importEd25519(jwk), shown: await importEd25519({ kty, crv, x, kid }) };
    return keys;
  };
  const signed = (name: string, text: string) => utf8.encode(`${PURPOSE}${name}\n${text}`);
  return {
    async seal(name, text) {
      const signature = await crypto.subtle.sign("Ed25519", (await imported()).own, signed(name, text));
      return `${base64url.encode(new Uint8Array(signature))}.${text}`;
    },

    async open(name, sealed) {
      if (sealed[SIGNATURE_CHARS] !== ".") return null;
      const text = sealed.slice(SIGNATURE_CHARS + 1);
      try {
        const signature = Uint8Array.from(base64url.decode(sealed.slice(0, SIGNATURE_CHARS)));
        const { shown } = await imported();
        const isOurs = await crypto.subtle.verify("Ed25519", shown, signature, signed(name, text));
        return isOurs ? text : null;
      } catch {
        return null;
      }
    },
  };
}
