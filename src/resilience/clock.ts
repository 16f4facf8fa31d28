/** Milliseconds since the epoch. Injected everywhere, so that a test can turn it. */
export type Clock = () => number;
