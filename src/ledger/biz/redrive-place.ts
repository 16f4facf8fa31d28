/** A parked message's place in the order of redrives. */
export interface DrivenPlace {
  readonly drivenAtMs: number;
  readonly id: string;
}

/**
 * Where a walk over the parked messages is, and until when one must have been driven to be part of
 * it.
 */
export interface RedrivePlace extends DrivenPlace {
  readonly beforeMs: number;
}

/** Before everybody, and for everybody: a time that a wrong clock has set far ahead too. */
export const FROM_THE_BEGINNING: RedrivePlace = { drivenAtMs: -1, id: "", beforeMs: Number.MAX_SAFE_INTEGER };

/** The place as clients carry it. */
export function placeText({ beforeMs, drivenAtMs, id }: RedrivePlace): string {
  return `${beforeMs}.${drivenAtMs}.${id}`;
}

/** The place in a cursor that its schema has let through. */
export function placeIn(cursor: string): RedrivePlace {
  const [beforeMs, drivenAtMs, id = ""] = cursor.split(".");
  return { beforeMs: Number(beforeMs), drivenAtMs: Number(drivenAtMs), id };
}
