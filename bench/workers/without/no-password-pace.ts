/** Hashes whenever it is asked to. */
export const pacedHasher = <H>({ hasher }: { readonly hasher: H }): H => hasher;
