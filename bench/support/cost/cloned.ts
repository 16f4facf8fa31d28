/**
 * As `structuredClone`, of values without circles: most are made of plain objects and arrays, for
 * which that takes ten times as long, and each that crosses a worker is cloned.
 */
export function cloned<T>(value: T): T {
  return cloneOf(value) as T;
}

function cloneOf(value: unknown): unknown {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return value;
  if (Array.isArray(value)) return value.map(cloneOf);
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value);
  const clone: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) clone[name] = cloneOf(part);
  return clone;
}
