/**
 * How dear a piece of work is to whoever waits for it (SRE book, ch. 21): under overload the lowest
 * goes first.
 */
export type Criticality = "critical_plus" | "critical" | "sheddable_plus" | "sheddable";

/** The share of the limit that each class may fill: what is left of it is for those above. */
export const CRITICALITY_SHARE: Readonly<Record<Criticality, number>> = {
  critical_plus: 1,
  critical: 0.9,
  sheddable_plus: 0.7,
  sheddable: 0.5,
};
