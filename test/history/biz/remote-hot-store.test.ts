import { RemoteHotStore } from "../../../src/history/biz/remote-hot-store.ts";
import { describeHotStore } from "../support/hot-store-contract.ts";
import { ValuesInMemory } from "../support/values-in-memory.ts";

const values = new ValuesInMemory();
describeHotStore(
  "values elsewhere",
  (durable) =>
    new RemoteHotStore({
      durable,
      values,
      mayWriteKeys: () => true,
      onMissing: (missing) => {
        throw new Error(JSON.stringify(missing));
      },
      now: () => 1_700_000_000_000,
      onBackgroundFailure: (what, error) => {
        throw new Error(what, { cause: error });
      },
    }),
);
