import { BusPuller } from "../../../src/history/biz/bus-puller.ts";
import { readQueueMessage } from "../../../src/history/biz/flush-message.ts";
import { method, type Mutation } from "./history-mutation.ts";

/** Every guard of the bus over Kafka, broken on purpose. */
export const MUTATIONS_OF_THE_BUS: readonly Mutation[] = [
  {
    name: "the place in Kafka moves before D1 has what is before it",
    bus: {
      handOver: (handOver) => async (messages, isDead) => {
        for (const message of messages) message.ack();
        handOver(
          messages.map((message) => ({ ...message, retry: () => undefined })),
          isDead,
        ).catch(() => undefined);
      },
    },
  },
  {
    name: "a message of Kafka that failed is taken for done",
    bus: {
      handOver: (handOver) => (messages, isDead) =>
        handOver(
          messages.map((message) => ({ ...message, retry: () => message.ack() })),
          isDead,
        ),
    },
  },
  {
    name: "a message of Kafka that nobody can read takes its neighbours along",
    bus: {
      handOver: (handOver) => async (messages, isDead) => {
        if (messages.every(({ body }) => readQueueMessage(body) !== null)) return handOver(messages, isDead);
        for (const message of messages) message.ack();
      },
    },
  },
  {
    name: "what comes again from Kafka is forgotten",
    bus: {
      store: (store) => ({ ...store, write: ({ nextOffset }) => store.write({ nextOffset, late: [] }) }),
    },
  },
  {
    name: "deliveries from Kafka are not counted",
    bus: {
      store: (store) => ({
        ...store,
        write: ({ nextOffset, late }) =>
          store.write({ nextOffset, late: late.map((message) => ({ ...message, attempts: 2 })) }),
      }),
    },
  },
  {
    name: "the place in Kafka is kept in memory only",
    bus: { store: (store) => ({ ...store, write: () => undefined }) },
  },
  {
    name: "a place that Kafka has no more is believed",
    bus: {
      partition: (partition) => ({
        ...partition,
        ends: async () => ({ ...(await partition.ends()), first: 0, next: Number.MAX_SAFE_INTEGER }),
      }),
    },
  },
  {
    name: "a puller that died of a message takes it with all others again",
    bus: {},
    patch: method(BusPuller, "onAlarm", (onAlarm) => {
      return function (this: BusPuller) {
        return onAlarm.call(this, false);
      };
    }),
  },
  {
    name: "an alarm of a puller is never moved, nor missed",
    bus: {
      alarm: (alarm) => ({
        at: () => alarm.at(),
        set: async (atMs) => {
          if ((await alarm.at()) === null) await alarm.set(atMs);
        },
      }),
    },
  },
  { name: "nobody wakes who reads Kafka", bus: { hasWakes: false } },
  { name: "the sweep wakes nobody who reads Kafka", bus: { hasSweep: false } },
];
