/**
 * The part of `node:crypto` that is used here. Node's own typings would put Node's globals over
 * those of the runtime.
 */
declare module "node:crypto" {
  interface ScryptCost {
    readonly N: number;
    readonly r: number;
    readonly p: number;
  }

  export function scrypt(
    password: string,
    salt: Uint8Array,
    keyBytes: number,
    cost: ScryptCost,
    callback: (error: Error | null, key: Uint8Array) => void,
  ): void;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
  export function createHash(algorithm: "sha256"): {
    update(text: string): { digest(): Uint8Array; digest(encoding: "hex"): string };
  };
  export function hkdfSync(
    digest: "sha256",
    key: Uint8Array,
    salt: Uint8Array,
    info: string,
    keyBytes: number,
  ): ArrayBuffer;
  export function createHmac(
    algorithm: "sha256",
    key: Uint8Array,
  ): { update(text: string): { digest(): Uint8Array } };
}
