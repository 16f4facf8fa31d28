import { Consumer, type CallbackWithPromise } from "@platformatic/kafka";

type FetchOptions = Parameters<Consumer["fetch"]>[0];
type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;
type Partition = FetchResponse["responses"][number]["partitions"][number];

const IS_TRANSACTIONAL = 1 << 4;
/** A batch that marks a transaction's end holds no message. */
export const IS_CONTROL = 1 << 5;
/** In the key of a mark, after its version. */
const ROLLED_BACK = 0;

/**
 * A consumer that is given nothing which was rolled back. The library alone leaves out one
 * transaction of a producer in each answer, and only where its end is in the same one.
 */
export class CommittedConsumer extends Consumer {
  override fetch(options: FetchOptions, callback: CallbackWithPromise<FetchResponse>): void;
  override fetch(options: FetchOptions): Promise<FetchResponse>;
  override fetch(
    options: FetchOptions,
    callback?: CallbackWithPromise<FetchResponse>,
  ): Promise<FetchResponse> | undefined {
    if (callback === undefined) return super.fetch(options).then(dropRolledBack);
    const dropping = (error: Error | null, response: FetchResponse): void =>
      callback(error, error === null ? dropRolledBack(response) : response);
    super.fetch(options, dropping as CallbackWithPromise<FetchResponse>);
    return undefined;
  }
}

function dropRolledBack(response: FetchResponse): FetchResponse {
  for (const { partitions } of response.responses) for (const partition of partitions) emptyIn(partition);
  return response;
}

/** As in Kafka's own client. A batch stays, without its messages: whoever reads moves behind it. */
function emptyIn({ records, abortedTransactions }: Partition): void {
  const waiting = (abortedTransactions ?? []).toSorted((one, other) =>
    Number(one.firstOffset - other.firstOffset),
  );
  const rolledBack = new Set<bigint>();
  for (const batch of records ?? []) {
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (waiting[0] !== undefined && waiting[0].firstOffset <= lastOffset)
      rolledBack.add(waiting.shift()?.producerId ?? -1n);
    if ((batch.attributes & IS_CONTROL) !== 0) {
      if (batch.records[0]?.key?.readInt16BE(2) === ROLLED_BACK) rolledBack.delete(batch.producerId);
    } else if ((batch.attributes & IS_TRANSACTIONAL) !== 0 && rolledBack.has(batch.producerId)) {
      batch.records = [];
    }
  }
}
