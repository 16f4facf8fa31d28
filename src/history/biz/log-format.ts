/**
 * The newest format of a shard's log that this release knows, and the one it writes once all shards
 * of a cell know it. From 2 on there are rows of deletions, marks and users' states, from 3 on
 * of keys whose values are elsewhere.
 *
 * A new kind of row comes with a higher number: first a release that reads it; then, when no other
 * is left, the number is raised and it is written.
 */
export const LOG_FORMAT = 3;
