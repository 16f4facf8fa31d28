const TIME_DIGITS = 12;

/** Smaller than every UUIDv7 made at `atMs` or later: ids begin with their time. */
export function firstIdAt(atMs: number): string {
  const hex = Math.max(0, Math.floor(atMs)).toString(16).padStart(TIME_DIGITS, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** When a UUIDv7 was made, ms since the epoch; 0 of no id at all. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, TIME_DIGITS) || "0", 16);
}
