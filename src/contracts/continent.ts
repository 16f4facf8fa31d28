/** Continents by their two letters, as the platform names them. */
export const CONTINENTS = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"] as const;

export type Continent = (typeof CONTINENTS)[number];

/** Whether something names a continent. */
export function isContinent(value: unknown): value is Continent {
  return (CONTINENTS as readonly unknown[]).includes(value);
}
