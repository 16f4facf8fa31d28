import type { RemoteValues } from "./ports.ts";

/** No endpoint at all: what is said to be at one can't be reached. */
export const NO_VALUES: RemoteValues = {
  takesNew: false,
  acquire: () => "",
  release: () => undefined,
  has: () => false,
  put: () => Promise.reject(new RangeError("no hot store is configured")),
  get: () => Promise.reject(new RangeError("no hot store is configured")),
  recall: () => Promise.reject(new RangeError("no hot store is configured")),
  drop: async () => undefined,
  forget: async () => undefined,
};
