import { Comet as RealComet, Room as RealRoom } from "../../src/realtime/worker.ts";
import { count, countMethods } from "./method-counts.ts";

export * from "../../src/realtime/worker.ts";
export { default } from "../../src/realtime/worker.ts";
export { Counts } from "./method-counts.ts";

export class Comet extends RealComet {
  constructor(...given: ConstructorParameters<typeof RealComet>) {
    super(...given);
    count("Comet", "constructor");
  }
}
countMethods("Comet", Comet);

export class Room extends RealRoom {
  constructor(...given: ConstructorParameters<typeof RealRoom>) {
    super(...given);
    count("Room", "constructor");
  }
}
countMethods("Room", Room);
