/**
 * What a later release might say: the same, with members in every object that nobody here knows.
 */
export function fromTomorrow(said: unknown): unknown {
  if (Array.isArray(said)) return said.map(fromTomorrow);
  if (typeof said !== "object" || said === null) return said;
  const members = Object.entries(said).map(([name, value]) => [name, fromTomorrow(value)]);
  return { ...Object.fromEntries(members), ofTomorrow: { cell: "mars", list: [1, null] } };
}
