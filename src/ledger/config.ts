import * as z from "zod";
import { AMOUNT_MAX, CHANGE_SINKS, ledgerSchema } from "../contracts/ledger.ts";
import { readConfig, wholeNumberVar } from "../platform/config.ts";
import { guardVars } from "../platform/guard/guard-config.ts";
import { KAFKA_MISSING, kafkaAccess, kafkaVars } from "../platform/kafka/kafka-vars.ts";
import { LOG_LEVELS } from "../platform/logger.ts";

const PAUSES_MAX = 20;
const PAUSE_MS_MAX = 3_600_000;

const scheduleVar = z
  .string()
  .regex(/^\d{1,7}(,\d{1,7})*$/, "must be whole numbers of ms, separated by commas")
  .transform((text) => text.split(",").map(Number))
  .pipe(z.array(z.int().min(1).max(PAUSE_MS_MAX)).max(PAUSES_MAX));

const DELIVERIES_PER_SECOND_MAX = 10_000;
const amountVar = z
  .string()
  .regex(/^\d{1,16}$/, "must be a whole number of minor units")
  .transform(Number)
  .pipe(z.int().min(1).max(AMOUNT_MAX));

/** What `CHANGE_STREAM`, which is gone, asked for. */
const SINK_BEFORE = { on: "queue", off: "off" } as const;

const schema = z
  .object({
    LOG_LEVEL: z.enum(LOG_LEVELS),
    LEDGER: ledgerSchema,
    DELIVERY_SCHEDULE_MS: scheduleVar,
    DELIVERIES_PER_SECOND: wholeNumberVar(1, DELIVERIES_PER_SECOND_MAX),
    CHANGE_SINK: z.enum(CHANGE_SINKS),
    CHANGE_STREAM: z.enum(["on", "off"]).optional(),
    DEPOSIT_MAX: amountVar,
    DEPOSITS_PER_DAY_MAX: amountVar,
    ...kafkaVars,
    ...guardVars,
  })
  .refine((config) => config.CHANGE_SINK !== "kafka" || kafkaAccess(config) !== null, {
    path: ["CHANGE_SINK"],
    message: KAFKA_MISSING,
  })
  // Left over from a release before: whoever set it to something else would lose a stream that
  // somebody reads, or pay for one that nobody does.
  .refine(
    ({ CHANGE_SINK, CHANGE_STREAM }) =>
      CHANGE_STREAM === undefined || SINK_BEFORE[CHANGE_STREAM] === CHANGE_SINK,
    {
      path: ["CHANGE_STREAM"],
      message: "is gone and contradicts CHANGE_SINK (queue for on, off for off): set that, remove this",
    },
  );

/** A ledger's vars, checked. */
export function readLedgerConfig(env: object) {
  return readConfig(schema, env);
}
