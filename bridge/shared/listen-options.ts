const PORT_MAX = 65_535;

/** Where a front listens, as the command line tells. Throws an error for the user to read. */
export function listenOptions({ host, port }: { readonly host: string; readonly port: string }): {
  readonly host: string;
  readonly port: number;
} {
  // The system would take it for every address of the machine.
  if (host === "") throw new RangeError("--host must not be empty");
  return { host, port: numberIn("--port", port, 0, PORT_MAX) };
}

/** Throws an error for the user to read. */
export function numberIn(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < min || value > max)
    throw new RangeError(`${option} must be in ${min} … ${max}, got ${text}`);
  return value;
}
