import { AimdLimiter } from "./aimd-limiter.ts";
import { BbrLimiter } from "./bbr-limiter.ts";
import { Gradient2Limiter } from "./gradient2-limiter.ts";
import type { OverloadLimiter } from "./overload-limiter.ts";
import { VegasLimiter } from "./vegas-limiter.ts";

export const OVERLOAD_KINDS = ["bbr", "aimd", "vegas", "gradient2"] as const;
export type OverloadKind = (typeof OVERLOAD_KINDS)[number];

/** A limiter of the given kind with its defaults. `rtFloorMs`: see {@link BbrLimiter}; the other kinds have no use for it. */
export function overloadLimiter(kind: OverloadKind, { rtFloorMs = 1 }: { readonly rtFloorMs?: number } = {}): OverloadLimiter {
  switch (kind) {
    case "bbr":
      return new BbrLimiter({ rtFloorMs });
    case "aimd":
      return new AimdLimiter();
    case "vegas":
      return new VegasLimiter();
    case "gradient2":
      return new Gradient2Limiter();
  }
}
