import type { LedgerName } from "../../contracts/ledger.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import type { KafkaRest } from "../../platform/kafka/kafka-rest.ts";
import { changeEventOf } from "../biz/change-event.ts";
import type { ChangeSink } from "../biz/ports.ts";

const NOBODY_WAITS = { kind: "write", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;

/** As much of a pipeline's binding as is used. */
export interface ChangePipeline {
  send(records: Record<string, unknown>[]): Promise<unknown>;
}

/** The pipeline that somebody has bound for changes. */
export function changePipeline(env: object): ChangePipeline {
  const { CHANGES_PIPELINE: pipeline } = env as { readonly CHANGES_PIPELINE?: ChangePipeline };
  if (pipeline === undefined)
    throw new RangeError("CHANGE_SINK is pipeline, and no pipeline is bound as CHANGES_PIPELINE");
  return pipeline;
}

/**
 * Publishes changes to the ledger's topic, each under its account's key, so that all of one account
 * are in one partition, in order. One request at a time: the next is made when all of this one are
 * there. One that seemed lost may still come behind later ones; its ids say so.
 */
export function kafkaChangeSink(kafka: KafkaRest, guard: Guard, ledger: LedgerName): ChangeSink {
  return {
    async publish(changes) {
      const messages = changes.map((change) => {
        const event = changeEventOf(change);
        return { key: event.userId, id: event.id, value: JSON.stringify(event) };
      });
      await guard.call("publish changes", NOBODY_WAITS, ({ limitMs }) =>
        kafka.produce(`playhead-${ledger}-changes`, messages, limitMs),
      );
    },
  };
}

/** Publishes changes into a pipeline, which has no headers and keeps no order: both are in them. */
export function pipelineChangeSink(pipeline: ChangePipeline, guard: Guard): ChangeSink {
  return {
    async publish(changes) {
      const events = changes.map((change) => ({ ...changeEventOf(change) }));
      await guard.call("publish changes", NOBODY_WAITS, () => pipeline.send(events));
    },
  };
}
