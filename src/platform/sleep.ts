/** A pause of so many ms. Composition roots hand it out; tests give rules one that they turn. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
