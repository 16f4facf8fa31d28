import { OwnHotStore } from "../../../src/history/biz/own-hot-store.ts";
import { describeHotStore } from "../support/hot-store-contract.ts";

describeHotStore("the shard's own", (durable) => new OwnHotStore(durable));
