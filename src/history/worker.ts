import { erasureEntrypoint } from "./service/erasure-entrypoint.ts";
import { mappingObject } from "./service/mapping-object.ts";
import { operationsEntrypoint } from "./service/operations-entrypoint.ts";
import { playbackEntrypoint } from "./service/playback-entrypoint.ts";
import { pullerObject } from "./service/puller-object.ts";
import { shardObject } from "./service/shard-object.ts";
import { socketsEntrypoint } from "./service/sockets-entrypoint.ts";
import { wire, wireMapping, wirePuller, wireShard } from "./wire.ts";

export class Playback extends playbackEntrypoint(wire) {}
export class Operations extends operationsEntrypoint(wire) {}
export class Erasure extends erasureEntrypoint(wire) {}
export class Sockets extends socketsEntrypoint(wire) {}
export class HistoryShard extends shardObject(wireShard) {}
export class HistoryMapping extends mappingObject(wireMapping) {}
export class HistoryPuller extends pullerObject(wirePuller) {}

export default {
  fetch: () => new Response(null, { status: 404 }),
  queue: (batch, env) => wire(env).consume(batch),
  scheduled: ({ scheduledTime }, env) => wire(env).sweep(scheduledTime),
} satisfies ExportedHandler<HistoryEnv>;
