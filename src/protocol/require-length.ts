/**
 * For options that are a number of bytes.
 *
 * @throws RangeError that names the option, its interval and the value
 */
export function requireLength(option: string, value: number, min: number, max: number): void {
  if (!(Number.isSafeInteger(value) && value >= min && value <= max)) {
    throw new RangeError(`${option} must be an integer in [${min}, ${max}], got ${value}`);
  }
}

/** No frame is longer than 1 GiB, whatever an option says. */
export const FRAME_LENGTH_MAX = 2 ** 30;
