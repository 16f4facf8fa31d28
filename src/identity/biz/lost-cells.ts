/**
 * What is wrong with the var `CELLS`, given the cells that have users; null where nothing is.
 * Nobody moves a user: one whose cell isn't there any more has lost their history.
 */
export function lostCells(
  cells: readonly { readonly name: string }[],
  inUse: readonly string[],
): string | null {
  const known = new Set(cells.map(({ name }) => name));
  const lost = inUse.filter((name) => !known.has(name));
  if (lost.length === 0) return null;
  const [what, whose] = lost.length === 1 ? ["cell", "has"] : ["cells", "have"];
  return `bad configuration: CELLS: lacks the ${what} ${lost.join(", ")}, which ${whose} users and can't be taken out or renamed`;
}
