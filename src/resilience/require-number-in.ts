/**
 * For options that need not be whole: ratios, factors. Whole ones have `requireIntegerIn`.
 *
 * @throws RangeError that names the option, its interval and the value
 */
export function requireNumberIn(option: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max))
    throw new RangeError(`${option} must be in [${min}, ${max}], got ${value}`);
}

/** @throws RangeError that names the option, its interval and the value */
export function requireIntegerIn(option: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${option} must be an integer in [${min}, ${max}], got ${value}`);
  }
}
