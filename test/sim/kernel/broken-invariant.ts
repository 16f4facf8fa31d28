/** Something that must never be was there. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

export function must(holds: boolean, what: string): void {
  if (!holds) throw new BrokenInvariant(what);
}
