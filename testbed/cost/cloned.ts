/**
 * As `structuredClone`, of values without circles: most are made of plain objects and arrays, for
 * which that takes ten times as long, and each that crosses a worker is cloned.
 */
export function cloned<T>(value: T): T {
  return cloneOf(value) as T;
}

function cloneOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cloneOf);
  if (!isPlain(value)) return isPrimitive(value) ? value : structuredClone(value);
  const clone: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) clone[name] = cloneOf(part);
  return clone;
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Of those that can be cloned. */
function isPrimitive(value: unknown): boolean {
  return value === null || !["object", "function", "symbol"].includes(typeof value);
}
