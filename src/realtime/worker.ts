import { serve } from "../platform/http/serve.ts";
import { cometObject } from "./service/comet-object.ts";
import { pushesEntrypoint } from "./service/pushes-entrypoint.ts";
import { roomObject } from "./service/room-object.ts";
import { objectFrame, wire, wireComet, wireRoom } from "./wire.ts";

export class Comet extends cometObject(wireComet, objectFrame) {}
export class Room extends roomObject(wireRoom, objectFrame) {}
export class Pushes extends pushesEntrypoint(wire) {}

export default {
  fetch: serve((env: RealtimeEnv) => wire(env).fetch),
  connect: (socket, env) => wire(env).connect(socket),
} satisfies ExportedHandler<RealtimeEnv>;
