import * as z from "zod";
import { isRole } from "../../contracts/permissions.ts";
import type { SessionSubject } from "../biz/ports.ts";

/**
 * A row of a session and its account. Roles this version doesn't know are left out: they grant
 * nothing.
 */
const subjectSchema = z.object({
  sessionId: z.string(),
  userId: z.string(),
  roles: z.string().transform((json) => z.array(z.string()).parse(JSON.parse(json)).filter(isRole)),
  cell: z.string().nullable(),
});

/** Whose session one statement of a batch has found; null where it found none. */
export function subjectIn(results: readonly D1Result[], index: number): SessionSubject | null {
  const row = results[index]?.results[0];
  if (row === undefined) return null;
  const { cell, ...subject } = subjectSchema.parse(row);
  return cell === null ? subject : { ...subject, cell };
}
