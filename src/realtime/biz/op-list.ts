import * as z from "zod";
import { opSchema } from "../../contracts/realtime.ts";
import { CodedError } from "../../contracts/errors.ts";
import { readText } from "./read-body.ts";

const listSchema = z.array(opSchema);

/** The ops in the body of a subscription: numbers between commas, or none. Throws `INVALID`. */
export function readOps(body: Uint8Array): readonly number[] {
  const text = readText(body).trim();
  if (text === "") return [];
  const { data } = listSchema.safeParse(text.split(",").map(readOp));
  if (data === undefined) throw new CodedError("INVALID", "ops must be numbers between commas");
  return data;
}

function readOp(text: string): number {
  return /^\s*-?\d{1,10}\s*$/.test(text) ? Number(text) : Number.NaN;
}
