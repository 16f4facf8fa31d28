import { AimdLimiter } from "./aimd-limiter.ts";
import { BbrLimiter } from "./bbr-limiter.ts";
import { Gradient2Limiter } from "./gradient2-limiter.ts";
import type { OverloadLimiter } from "./overload-limiter.ts";
import { VegasLimiter } from "./vegas-limiter.ts";

export const OVERLOAD_LIMITERS = ["bbr", "aimd", "vegas", "gradient2"] as const;
export type OverloadLimiterName = (typeof OVERLOAD_LIMITERS)[number];

interface OverloadOptions {
  /** See {@link BbrLimiter}; the other kinds have no use for it. */
  readonly rtFloorMs?: number;
}

const MAKERS: Readonly<Record<OverloadLimiterName, (options: OverloadOptions) => OverloadLimiter>> = {
  bbr: (options) => new BbrLimiter(options),
  aimd: () => new AimdLimiter(),
  vegas: () => new VegasLimiter(),
  gradient2: () => new Gradient2Limiter(),
};

/** A limiter of the given kind with its defaults. */
export function overloadLimiter(kind: OverloadLimiterName, options: OverloadOptions = {}): OverloadLimiter {
  return MAKERS[kind](options);
}
