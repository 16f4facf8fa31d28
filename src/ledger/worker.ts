import { fundsEntrypoint } from "./service/funds-entrypoint.ts";
import { operationsEntrypoint } from "./service/operations-entrypoint.ts";
import { outboxPublisherObject } from "./service/outbox-publisher-object.ts";
import { settlementEntrypoint } from "./service/settlement-entrypoint.ts";
import { publisherFrame, wire, wirePublisher } from "./wire.ts";

export class Funds extends fundsEntrypoint(wire) {}
export class Operations extends operationsEntrypoint(wire) {}
export class Settlement extends settlementEntrypoint(wire) {}
export class OutboxPublisher extends outboxPublisherObject(wirePublisher, publisherFrame) {}

export default {
  fetch: () => new Response(null, { status: 404 }),
  queue: (batch, env) => wire(env).consume(batch),
  scheduled: ({ scheduledTime }, env) => wire(env).sweep(scheduledTime),
} satisfies ExportedHandler<LedgerEnv>;
