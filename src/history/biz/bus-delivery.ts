import type { Clock } from "../../resilience/clock.ts";
import { cameTo, type TriedMessage } from "./bus-late.ts";
import type { BusMessage, HandOver, LateMessage } from "./ports.ts";

interface DeliveryDeps {
  /** What messages are told apart by: `main-0`. */
  readonly name: string;
  readonly handOver: HandOver;
  readonly now: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

/** After a batch that failed as a whole, in ms. */
export const AGAIN_MS = 2_000;
/** Ours have half of that, in characters: what is larger isn't even parsed. */
const VALUE_LENGTH_MAX = 200_000;

/** Hands messages over. Answers those that come again. Never throws. */
export async function delivered(
  { name, handOver, now, onFailure }: DeliveryDeps,
  batch: readonly TriedMessage[],
  areDead: boolean,
): Promise<readonly LateMessage[]> {
  if (batch.length === 0) return [];
  const delays = new Map<number, number>(batch.map(({ record }) => [record.offset, AGAIN_MS]));
  const messages = batch.map(({ record: { offset, value }, attempts }): BusMessage => {
    return {
      id: `${name}/${offset}`,
      body: parsed(value),
      attempts,
      ack: () => void delays.delete(offset),
      retry: ({ delaySeconds = 0 } = {}) => void delays.set(offset, delaySeconds * 1_000),
    };
  });
  try {
    await handOver(messages, areDead);
  } catch (error) {
    onFailure("hand messages of the bus over", error);
  }
  return batch.flatMap((message) => {
    const delayMs = delays.get(message.record.offset);
    return delayMs === undefined ? [] : [cameTo(message, now(), delayMs)];
  });
}

/** What is no JSON, or too much of it, is told as a text, which nobody takes for a message. */
function parsed(value: string | null): unknown {
  if (value !== null && value.length > VALUE_LENGTH_MAX) return value;
  try {
    return JSON.parse(value ?? "null");
  } catch {
    return value;
  }
}
