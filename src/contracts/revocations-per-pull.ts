/**
 * Sessions in one answer of identity's about trust. In a file of its own: the gateway needs the
 * number, and not the schemas of identity, which would double its bundle.
 */
export const REVOCATIONS_PER_PULL_MAX = 1_000;
