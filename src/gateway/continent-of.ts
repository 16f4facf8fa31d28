import { isContinent, type Continent } from "../contracts/continent.ts";

/** By which a client says where it is, in a local start: nothing there knows it. */
const TEST_HEADER = "x-test-continent";

interface Located {
  readonly headers: Headers;
  /** What the platform knows of the connection; there may be nothing. */
  readonly cf?: unknown;
}

/**
 * On which continent a client is, as the platform has made out by its address; null where it
 * doesn't say. Where `takesHeader`, the client's own word counts first.
 */
export function continentOf({ headers, cf }: Located, takesHeader: boolean): Continent | null {
  const said = takesHeader ? headers.get(TEST_HEADER) : null;
  if (isContinent(said)) return said;
  const known = (cf as { readonly continent?: unknown } | null | undefined)?.continent;
  return isContinent(known) ? known : null;
}
