/**
 * How far a client has come in its user's own order: the revision up to which it has everything,
 * and the one at which it began with nothing. What was deleted before that it has never had.
 */
export interface Place {
  readonly rev: number;
  readonly beganRev: number;
}

/** The place of a client that has everything up to a revision. */
export function placeAt(rev: number): Place {
  return { rev, beganRev: rev };
}

/** A place as the opaque cursor of the public contract. */
export function encodePlace({ rev, beganRev }: Place): string {
  return rev === beganRev ? rev.toString(36) : `${rev.toString(36)}.${beganRev.toString(36)}`;
}

/** Reads {@link encodePlace}'s text, which the contract's schema has checked already. */
export function decodePlace(place: string): Place {
  const [rev = "", began = rev] = place.split(".");
  return { rev: Number.parseInt(rev, 36), beganRev: Number.parseInt(began, 36) };
}
