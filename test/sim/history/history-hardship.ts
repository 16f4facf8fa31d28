import type { Trouble } from "../kernel/trouble.ts";

/** What a world suffers; changed in place when it heals. */
export interface Hardship {
  readonly trouble: Trouble;
  stalls: number;
  drops: number;
  skewMsMax: number;
}

/** Clocks stay as wrong as they are, but nothing else happens. */
export const CALM: Pick<Hardship, "stalls" | "drops" | "skewMsMax"> = { stalls: 0, drops: 0, skewMsMax: 0 };
