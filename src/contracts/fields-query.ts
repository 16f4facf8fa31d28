import * as z from "zod";

/** Names of members, each as our answers write theirs: 20 of 32 characters at most. */
const FIELDS = /^[A-Za-z][A-Za-z0-9]{0,31}(?:,[A-Za-z][A-Za-z0-9]{0,31}){0,19}$/;

/**
 * `?fields=a,b` of a GET: the members that the client wants of the answer's outermost object. Which
 * of them there are differs from answer to answer (`nextCursor` is on no last page), so that a name
 * that isn't there is no fault. Anything but plain names is refused, so that it may come to mean
 * something.
 */
export const fieldsQuerySchema = z.object({
  fields: z
    .string()
    .regex(FIELDS, "must be 1 to 20 names of members, separated by commas")
    .transform((names): ReadonlySet<string> => new Set(names.split(",")))
    .optional(),
});
