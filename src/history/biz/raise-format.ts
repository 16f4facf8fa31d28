import { everyOne } from "./every-one.ts";
import { everyShard } from "./every-shard.ts";
import type { LogFormats } from "./shard-rpc.ts";

interface RaiseFormatDeps {
  /** How many shards the cell has. */
  readonly shards: number;
  /** The newest format that may be written: this release's. */
  readonly format: number;
  /** Wakes a shard. One of the release before answers nothing. */
  readonly wake: (shard: number) => Promise<LogFormats | void>;
  readonly raiseFormat: (shard: number, format: number) => Promise<void>;
}

/**
 * Wakes every shard of a cell, also where another fails. Where all have answered that they know the
 * format, those that write an older one are told to write it from now on. Where one has not, or is
 * of the release before, none is: a user whose shard writes what the next can't read would find
 * deletions undone there. The next sweep tries again. The first failure is thrown at the end.
 */
export async function wakeAndRaiseFormat(deps: RaiseFormatDeps): Promise<void> {
  const { shards, format, wake, raiseFormat } = deps;
  const behind: number[] = [];
  let knowing = 0;
  await everyShard(shards, async (shard) => {
    const formats = await wake(shard);
    if (!formats || formats.known < format) return;
    knowing += 1;
    if (formats.written < format) behind.push(shard);
  });
  if (knowing < shards) return;
  await everyOne(behind, (shard) => raiseFormat(shard, format));
}
