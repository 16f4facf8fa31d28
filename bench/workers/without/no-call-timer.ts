/** Never thrown. */
export class LateError extends Error {}

const endless = { inTime: <T>(answer: Promise<T>): Promise<T> => answer };
export { endless as requestTimer, endless as clearingTimer };
