/** Never thrown. */
export class CallTimeoutError extends Error {}

const endless = { withTimeout: <T>(answer: Promise<T>): Promise<T> => answer };
export { endless as requestTimer, endless as clearingTimer };
