import { queueBinding } from "../biz/cell-bindings.ts";

/** The queue of a cell: `FLUSH_QUEUE` of `main`, `FLUSH_QUEUE_US` of a cell `us`. */
export function flushQueue(env: object, cell: string): Queue {
  const name = queueBinding(cell);
  const queue = (env as Readonly<Record<string, Queue | undefined>>)[name];
  if (queue === undefined) throw new RangeError(`no queue is bound as ${name}`);
  return queue;
}
